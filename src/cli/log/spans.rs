//! Where the service's spans go, if the environment says so.

use std::{error::Error, sync::Arc};

use tickcast::spans::TARGET;
use tickcast_otel::{Destination, Exporter, OtelError, export};
use tracing_subscriber::{Layer, Registry, filter::filter_fn};

/// What takes spans.
type SpanLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// A layer that takes spans, and what sends them; `None` where no endpoint is configured.
///
/// # Errors
/// When they cannot be sent there.
pub fn exported() -> Result<Option<(SpanLayer, Arc<Exporter>)>, Box<dyn Error + Send + Sync>> {
    let Some(destination) = Destination::from_environment()? else { return Ok(None) };
    let (layer, exporter) = export(&destination).map_err(|error| told(&error))?;
    let only_ours = filter_fn(|metadata| metadata.is_span() && metadata.target() == TARGET);
    Ok(Some((layer.with_filter(only_ours).boxed(), Arc::new(exporter))))
}

/// With what caused it: whoever starts the log shows one level.
fn told(error: &OtelError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
