//! Temporary.
use tickcast::{
    feed::Source,
    limits::Limits,
    service::{Service, Setup},
};
fn main() {
    let feeds: Vec<Source> = std::env::args().skip(2).map(|text| Source::parse(&text).unwrap()).collect();
    let listen = std::env::args().nth(1).unwrap().parse().unwrap();
    let feeds = if feeds.is_empty() { vec![Source::bundled()] } else { feeds };
    let service = Service::start(Setup {
        listen,
        feeds,
        shards: 0,
        allowed_origins: vec![],
        limits: Limits::default(),
        epoch: None,
    })
    .unwrap();
    println!("tickcast 0.1.0 listening on http://{}", service.address);
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async {
        let mut t = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
        t.recv().await;
    });
    println!("drained in time: {}", service.stop());
}
