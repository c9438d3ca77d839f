//! One request of HTTP/1.1 on a connection of its own, which ends with the answer.
//!
//! The connection and the deadline are the caller's. No redirect is followed. Invariant: no more of an answer is kept than
//! its caller allows.

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::http1,
    header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, HeaderMap, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// What is asked.
#[derive(Clone, Debug)]
pub struct HttpQuestion<'a> {
    /// The host, and its port where that is another than the usual one.
    pub authority: &'a str,
    /// The path and the query.
    pub target: &'a str,
    /// The kinds of answer that are read.
    pub accept: &'static str,
    /// JSON: then it is a `POST`, and a `GET` without one.
    pub body: Option<String>,
    /// Of the answer's body.
    pub bytes_max: usize,
}

/// An answer with the status 200.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("it cannot be asked for this")]
    Question(#[source] hyper::http::Error),
    #[error(transparent)]
    Connection(#[from] hyper::Error),
    #[error("it answers {status}")]
    Status { status: StatusCode, headers: HeaderMap },
    /// Too long, or cut off.
    #[error(transparent)]
    Body(Box<dyn std::error::Error + Send + Sync>),
}

/// Asks on a connection that nothing was sent on yet.
///
/// # Errors
/// When there is no answer with the status 200 and a body within its bound.
pub async fn ask<S>(stream: S, question: HttpQuestion<'_>) -> Result<HttpAnswer, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let bytes_max = question.bytes_max;
    let request = question.request().map_err(HttpError::Question)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        if head.status != StatusCode::OK {
            return Err(HttpError::Status { status: head.status, headers: head.headers });
        }
        let body = Limited::new(body, bytes_max).collect().await.map_err(HttpError::Body)?;
        Ok(HttpAnswer { headers: head.headers, body: body.to_bytes() })
    };
    tokio::pin!(connection);
    tokio::pin!(exchange);
    let mut is_connected = true;
    loop {
        tokio::select! {
            // The answer counts, however the connection ends behind it.
            biased;
            answered = &mut exchange => return answered,
            // A connection that has failed tells the exchange, which then ends.
            _ = &mut connection, if is_connected => is_connected = false,
        }
    }
}

impl HttpQuestion<'_> {
    fn request(self) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let request = match &self.body {
            None => Request::get(self.target),
            Some(_) => Request::post(self.target).header(CONTENT_TYPE, "application/json"),
        };
        request
            .header(HOST, self.authority)
            .header(ACCEPT, self.accept)
            .header(USER_AGENT, super::USER_AGENT)
            .header(CONNECTION, "close")
            .body(Full::new(Bytes::from(self.body.unwrap_or_default())))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// Asks a server that reads the request, answers so and ends. Returns what it was asked, and what became of it.
    fn asked(body: Option<&str>, answer: &str) -> (String, Result<HttpAnswer, HttpError>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (ours, mut theirs) = duplex(1 << 16);
            let question = HttpQuestion {
                authority: "keys.example:8443",
                target: "/a?b=c",
                accept: "application/json",
                body: body.map(str::to_owned),
                bytes_max: 8,
            };
            let serve = async {
                let mut request = vec![0; 1 << 12];
                let bytes = theirs.read(&mut request).await.unwrap();
                theirs.write_all(answer.as_bytes()).await.unwrap();
                drop(theirs);
                String::from_utf8_lossy(&request[..bytes]).into_owned()
            };
            tokio::join!(serve, ask(ours, question))
        })
    }

    #[test]
    fn a_question_is_one_request_with_the_name_of_its_server() {
        let (request, answered) = asked(None, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-a: b\r\n\r\n{}");
        assert!(request.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{request}");
        for header in ["host: keys.example:8443", "accept: application/json", "connection: close"] {
            assert!(request.contains(&format!("\r\n{header}\r\n")), "{header}: {request}");
        }
        let HttpAnswer { headers, body } = answered.unwrap();
        assert_eq!((&*body, &headers["x-a"]), (&b"{}"[..], &"b".parse().unwrap()));
        let (request, _) = asked(Some("[1]"), "HTTP/1.1 200 OK\r\n\r\n");
        assert!(
            request.starts_with("POST /a?b=c HTTP/1.1\r\ncontent-type: application/json\r\n"),
            "{request}"
        );
        assert!(request.ends_with("\r\n\r\n[1]"), "{request}");
    }

    #[test]
    fn another_status_is_told_with_its_headers() {
        let (_, answered) =
            asked(None, "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n");
        let Err(error @ HttpError::Status { .. }) = answered else { panic!("{answered:?}") };
        assert_eq!(error.to_string(), "it answers 429 Too Many Requests");
        let HttpError::Status { headers, .. } = error else { unreachable!() };
        assert_eq!(headers["retry-after"], "7");
    }

    #[test]
    fn an_answer_that_is_too_long_or_cut_off_is_none() {
        for answer in [
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123456789",
            "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n1234567",
            "HTTP/1.1 200 OK\r\n\r\n123456789",
        ] {
            assert!(matches!(asked(None, answer).1, Err(HttpError::Body(_))), "{answer}");
        }
        assert!(matches!(asked(None, "").1, Err(HttpError::Connection(_))));
        assert!(matches!(asked(None, "SSH-2.0-x\r\n").1, Err(HttpError::Connection(_))));
    }
}
