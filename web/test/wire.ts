// Frames as the server writes them for who asks for decimals as text.

const DECIMALS = /"(bid|bid_size|ask|ask_size|last|last_size|open|high|low|volume)":(-?\d+(?:\.\d+)?)(?=[,}])/g;

export const decimalsAsText = (frame: string): string => frame.replace(DECIMALS, '"$1":"$2"');
