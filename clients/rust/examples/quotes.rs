//! Prints the best bid and offer of some symbols, one line for each change.
//!
//! ```console
//! $ cargo run --example quotes -- ws://127.0.0.1:8080 BTCUSDT 'ETH*'
//! BTCUSDT  87232 x 2.49442 | 87232.01 x 2.63082  (0 merged)
//! ```

use tickcast_client::{Client, Endpoint, Event, Field, Step, Subscription, Topic, printable};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let url = words.next().unwrap_or_else(|| "ws://127.0.0.1:8080".to_owned());
    let symbols: Vec<String> = words.collect();
    let symbols = if symbols.is_empty() { vec!["*".to_owned()] } else { symbols };

    let fields = [Field::Bid, Field::BidSize, Field::Ask, Field::AskSize];
    let subscription = Subscription::latest(symbols).interval_ms(250).fields(fields);
    let mut client = Client::new(Endpoint::parse(&url)?, subscription);
    loop {
        match client.next().await? {
            Step::Frame => {
                let mut events = client.events();
                while let Some(event) = events.next_event()? {
                    show(&event);
                }
            }
            Step::Lost { end, pause } => eprintln!("{end}; again in {:.1} s", pause.as_secs_f64()),
            Step::Over => return Ok(()),
            _ => {}
        }
    }
}

fn show(event: &Event<'_>) {
    match event {
        Event::Record(change) => println!("{}", quote(change.topic)),
        Event::Gap(loss) => println!("{}  {} ticks are lost", loss.topic.symbol, loss.gap.ticks()),
        Event::State(topic) => println!("{}  {}", topic.symbol, topic.standing.as_str()),
        Event::Error(fault) => eprintln!("{}", printable(&fault.message)),
        _ => {}
    }
}

fn quote(topic: &Topic) -> String {
    let text = |field| topic.record.text(field).unwrap_or("-");
    let (bid, ask) = (text(Field::Bid), text(Field::Ask));
    let (bid_size, ask_size) = (text(Field::BidSize), text(Field::AskSize));
    format!("{}  {bid} x {bid_size} | {ask} x {ask_size}  ({} merged)", topic.symbol, topic.merged)
}
