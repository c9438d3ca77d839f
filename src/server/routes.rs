//! HTTP routes: paths and their methods.

use hyper::Method;

/// The path of the WebSocket stream.
pub const STREAM_PATH: &str = "/v1/stream";
/// The path of the event stream.
pub const EVENTS_PATH: &str = "/v1/sse";
/// Not secret, and requested by monitors whose `User-Agent` looks like a browser's.
pub const PROBE_PATHS: [&str; 2] = ["/healthz", "/readyz"];
/// Maximum number of headers in one request.
pub const HEADERS_MAX: usize = 64;

/// The routes: path and methods.
pub const ROUTES: [(&str, &[Method]); 27] = [
    ("/", &[Method::GET, Method::HEAD]),
    ("/assets/app.css", &[Method::GET, Method::HEAD]),
    ("/assets/app.js", &[Method::GET, Method::HEAD]),
    ("/assets/chart.js", &[Method::GET, Method::HEAD]),
    ("/assets/licences.txt", &[Method::GET, Method::HEAD]),
    ("/metrics", &[Method::GET, Method::HEAD]),
    ("/healthz", &[Method::GET, Method::HEAD]),
    ("/readyz", &[Method::GET, Method::HEAD]),
    ("/v1/stream", &[Method::GET]),
    ("/v1/sse", &[Method::GET]),
    ("/v1/feeds", &[Method::GET, Method::HEAD]),
    ("/v1/symbols", &[Method::GET, Method::HEAD]),
    ("/v1/snapshot", &[Method::GET, Method::HEAD, Method::POST]),
    ("/v1/publish", &[Method::POST]),
    ("/v1/replay", &[Method::GET, Method::HEAD, Method::POST]),
    ("/v1/faults", &[Method::GET, Method::HEAD]),
    ("/v1/admin/sessions", &[Method::GET, Method::HEAD]),
    ("/v1/admin/close", &[Method::POST]),
    ("/v1/admin/usage", &[Method::GET, Method::HEAD]),
    ("/replay-normalized", &[Method::GET]),
    ("/ws-replay-normalized", &[Method::GET]),
    ("/health-check", &[Method::GET, Method::HEAD]),
    ("/tardis/replay-normalized", &[Method::GET]),
    ("/tardis/ws-replay-normalized", &[Method::GET]),
    ("/tardis/health-check", &[Method::GET, Method::HEAD]),
    ("/debug/slow", &[Method::GET, Method::HEAD]),
    ("/debug/users", &[Method::GET, Method::HEAD]),
];

/// Client-requested replays over WebSocket, as in tardis-machine; each path also works with a prefix.
pub const REPLAY_SOCKET_PATHS: [&str; 2] = ["/ws-replay-normalized", "/tardis/ws-replay-normalized"];
/// The same as lines, and the health check.
pub const REPLAY_PATHS: [&str; 4] =
    ["/replay-normalized", "/health-check", "/tardis/replay-normalized", "/tardis/health-check"];

/// Operators' routes. If operators have a listener of their own, they are served only there.
pub const ADMIN_PATHS: [&str; 10] = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/debug/slow",
    "/debug/users",
    "/v1/replay",
    "/v1/faults",
    "/v1/admin/sessions",
    "/v1/admin/close",
    "/v1/admin/usage",
];
