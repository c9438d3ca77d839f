//! Spans to a collector of OpenTelemetry, by OTLP over HTTP (`http/protobuf`).
//!
//! Where they go is said by the standard's variables of the environment: `OTEL_EXPORTER_OTLP_ENDPOINT` or
//! `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `…_HEADERS`, `…_TIMEOUT`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`,
//! `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`, `OTEL_SDK_DISABLED`. Where none says an endpoint, nothing is sent.
//!
//! Which spans there are is not known here: whoever uses this filters its layer.
//!
//! Loss first: spans wait in a bounded queue (2,048, `OTEL_BSP_MAX_QUEUE_SIZE`) for a thread of their own, which sends them. Those
//! that find it full are dropped, and so are those that the collector does not take.
//!
//! Invariant: whoever ends a span never waits.

mod client;

use std::{env, time::Duration};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracer, SdkTracerProvider},
};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

use client::BlockingClient;

/// Where spans go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Destination {
    /// With its path.
    pub url: String,
    /// For one request.
    pub timeout: Duration,
}

/// Sends spans until it is [finished](Exporter::finish).
pub struct Exporter(SdkTracerProvider);

/// Why spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum OtelError {
    #[error("{name} is {value:?}: spans are sent by http/protobuf alone")]
    Protocol { name: &'static str, value: String },
    #[error("{name} is {value:?}: it must be a number of milliseconds")]
    Timeout { name: &'static str, value: String },
    #[error("spans cannot be sent to {url}")]
    Exporter {
        url: String,
        #[source]
        source: opentelemetry_otlp::ExporterBuildError,
    },
    #[error("the URL of the collector")]
    Client(#[from] client::ClientError),
}

const TIMEOUT: Duration = Duration::from_secs(10);
const SERVICE: &str = "tickcast";
const PATH: &str = "v1/traces";

// === impl Destination ===

impl Destination {
    /// As the environment says it; `None` where it names no endpoint, or switches everything off.
    ///
    /// # Errors
    /// When it asks for what there is not.
    pub fn from_environment() -> Result<Option<Self>, OtelError> {
        Destination::read(|name| env::var(name).ok())
    }

    /// As [`Self::from_environment`], from other variables.
    ///
    /// # Errors
    /// When they ask for what there is not.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, OtelError> {
        // An empty variable is as none, says the standard.
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let first = |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, get(name)?)));
        if get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let of_all =
            get("OTEL_EXPORTER_OTLP_ENDPOINT").map(|base| format!("{}/{PATH}", base.trim_end_matches('/')));
        let Some(url) = get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or(of_all) else { return Ok(None) };
        let protocol = first(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]);
        if let Some((name, value)) = protocol
            && value != "http/protobuf"
        {
            return Err(OtelError::Protocol { name, value });
        }
        let timeout = match first(["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"]) {
            None => TIMEOUT,
            Some((name, value)) => match value.parse() {
                Ok(millis) => Duration::from_millis(millis),
                Err(_) => return Err(OtelError::Timeout { name, value }),
            },
        };
        Ok(Some(Destination { url, timeout }))
    }
}

// === impl Exporter ===

/// Sends there what its layer is shown, from a thread of its own.
///
/// # Errors
/// When the URL is none, or the system's authorities cannot be read.
pub fn export<S>(destination: &Destination) -> Result<(OpenTelemetryLayer<S, SdkTracer>, Exporter), OtelError>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let url = destination.url.clone();
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_http_client(BlockingClient::new(&url, destination.timeout)?)
        .with_endpoint(&url)
        .with_timeout(destination.timeout)
        .build()
        .map_err(|source| OtelError::Exporter { url, source })?;
    let resource = Resource::builder();
    let resource = match env::var_os("OTEL_SERVICE_NAME") {
        Some(_) => resource,
        None => resource.with_service_name(SERVICE),
    };
    let provider =
        SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(SERVICE))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false);
    Ok((layer, Exporter(provider)))
}

impl Exporter {
    /// Sends what waits, and ends. Spans that end later are dropped.
    pub fn finish(&self, within: Duration) {
        // What is not sent by then is lost, and there is nobody to tell.
        let _ = self.0.shutdown_with_timeout(within);
    }
}
