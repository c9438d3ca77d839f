// What the page takes of lightweight-charts, as a file of its own: the table does not wait for it.

export { CandlestickSeries, createChart, HistogramSeries } from 'lightweight-charts';
