//! What most people would write: tokio, one task for each client, a broadcast channel for each symbol.

use std::{
    collections::HashMap,
    io,
    process::Command,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{SinkExt, StreamExt, stream};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::broadcast::{self, error::RecvError},
};
use tokio_tungstenite::tungstenite::{
    Message, Utf8Bytes,
    handshake::server::{Request, Response},
};

use super::{Places, Server};

/// The argument that makes this program be the naive server.
pub const ROLE: &str = "naive-server";
/// Ticks of a symbol that a client may be behind; what is older is lost to it, as the channel has it.
const CHANNEL_TICKS: usize = 1024;

type Channels = Arc<Mutex<HashMap<String, broadcast::Sender<Utf8Bytes>>>>;

pub fn start(places: &Places) -> io::Result<Server> {
    Server::start("naive", Command::new(std::env::current_exe()?).arg(ROLE), places)
}

pub fn serve() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let channels = Channels::default();
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind("127.0.0.1:0".parse().expect("an address"))?;
        let listener: TcpListener = socket.listen(4096)?;
        println!("listening on http://{}", listener.local_addr()?);
        let accepting = Arc::clone(&channels);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(client(stream, Arc::clone(&accepting)));
            }
        });
        let mut lines = BufReader::with_capacity(64 * 1024, tokio::io::stdin()).lines();
        while let Some(line) = lines.next_line().await? {
            // {"symbol":"S0000",...: the name begins at 11.
            let Some(symbol) = line.get(11..).and_then(|rest| rest.split('"').next()) else { continue };
            // Nobody may listen; that is no fault.
            let _ = channel(&channels, symbol).send(Utf8Bytes::from(line.as_str()));
        }
        Ok(())
    })
}

fn channel(channels: &Channels, symbol: &str) -> broadcast::Sender<Utf8Bytes> {
    let mut channels = channels.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(channel) = channels.get(symbol) {
        return channel.clone();
    }
    channels.entry(symbol.to_owned()).or_insert_with(|| broadcast::channel(CHANNEL_TICKS).0).clone()
}

async fn client(stream: TcpStream, channels: Channels) {
    // A client that fails is gone; no error is reported.
    let _ = stream.set_nodelay(true);
    let mut query = String::new();
    #[expect(clippy::result_large_err, reason = "the callback's type is the library's")]
    let accepted = tokio_tungstenite::accept_hdr_async(stream, |request: &Request, response: Response| {
        request.uri().query().unwrap_or_default().clone_into(&mut query);
        Ok(response)
    });
    let Ok(socket) = accepted.await else { return };
    let (mut sink, mut source) = socket.split();
    let symbols = query.strip_prefix("symbols=").unwrap_or_default().split(',');
    let ticks = symbols.map(|symbol| {
        let receiver = channel(&channels, symbol).subscribe();
        Box::pin(stream::unfold(receiver, |mut receiver| async {
            loop {
                match receiver.recv().await {
                    Ok(line) => return Some((line, receiver)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        }))
    });
    let mut ticks = stream::select_all(ticks);
    if sink.send(Message::text("subscribed")).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            line = ticks.next() => match line {
                Some(line) => if sink.send(Message::Text(line)).await.is_err() { return },
                None => return,
            },
            message = source.next() => match message {
                Some(Ok(_)) => {}
                _ => return,
            },
        }
    }
}
