//! The dashboard's files, built by `web/build.sh` and compiled into the program.
//!
//! Browsers may cache them, but revalidate by `ETag` each time: an upgraded server serves the new page at once, and
//! nothing is downloaded twice. A file is compressed when a compressed form is first requested.
//! Invariants: each form of a file has an `ETag` of its own; the policy lets the page load from and connect to this
//! server only, with no script or style but these files.

use std::{hash::BuildHasher, sync::OnceLock};

use bytes::Bytes;
use hyper::{
    HeaderMap, StatusCode,
    header::{self, HeaderName, HeaderValue},
};

use super::{
    coding::AnswerCoding,
    response::{self, HttpResponse},
};

/// A file of the dashboard.
pub struct Asset {
    kind: &'static str,
    content: &'static str,
    /// Compressed forms, once requested; `None` if they would be no shorter.
    gzip: OnceLock<Option<Bytes>>,
    zstd: OnceLock<Option<Bytes>>,
}

/// Only served scripts and styles run; nothing inline, whatever gets into the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'self'; require-trusted-types-for 'script'; \
    trusted-types 'none'";

static PAGE: Asset = Asset::new("text/html; charset=utf-8", include_str!("../../../web/dist/index.html"));
static SCRIPT: Asset = Asset::new("text/javascript; charset=utf-8", include_str!("../../../web/dist/app.js"));
static CHART: Asset =
    Asset::new("text/javascript; charset=utf-8", include_str!("../../../web/dist/chart.js"));
static STYLE: Asset = Asset::new("text/css; charset=utf-8", include_str!("../../../web/dist/app.css"));
static LICENCES: Asset =
    Asset::new("text/plain; charset=utf-8", include_str!("../../../web/dist/licences.txt"));

/// The file at a path.
pub fn asset(path: &str) -> Option<&'static Asset> {
    Some(match path {
        "/" => &PAGE,
        "/assets/app.css" => &STYLE,
        "/assets/app.js" => &SCRIPT,
        "/assets/chart.js" => &CHART,
        "/assets/licences.txt" => &LICENCES,
        _ => return None,
    })
}

// === impl Asset ===

impl Asset {
    const fn new(kind: &'static str, content: &'static str) -> Self {
        Asset { kind, content, gzip: OnceLock::new(), zstd: OnceLock::new() }
    }

    /// Compresses the file if needed: on another thread, because it is CPU-intensive.
    pub async fn prepare(&'static self, coding: AnswerCoding) {
        if self.form(coding).is_some_and(|form| form.get().is_none()) {
            // On failure the plain form is served.
            let _ = tokio::task::spawn_blocking(move || self.compress(coding)).await;
        }
    }

    fn compress(&self, coding: AnswerCoding) {
        if let Some(form) = self.form(coding) {
            form.get_or_init(|| coding.kept(self.content.as_bytes()));
        }
    }

    fn form(&self, coding: AnswerCoding) -> Option<&OnceLock<Option<Bytes>>> {
        match coding {
            AnswerCoding::Identity => None,
            AnswerCoding::Gzip => Some(&self.gzip),
            AnswerCoding::Zstd => Some(&self.zstd),
        }
    }

    /// The file, or `304` if the browser has it already.
    pub fn answer(&self, request: &HeaderMap, coding: AnswerCoding) -> HttpResponse {
        let compressed = self.form(coding).and_then(|form| form.get().cloned().flatten());
        let coding = if compressed.is_some() { coding } else { AnswerCoding::Identity };
        let content = compressed.unwrap_or_else(|| Bytes::from_static(self.content.as_bytes()));
        let tag = self.tag(coding);
        let mut response = if has(request, &tag) {
            let mut unchanged = response::whole(self.kind, Bytes::new());
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            unchanged
        } else {
            let mut response = response::whole(self.kind, content);
            coding.declare(response.headers_mut());
            response
        };
        let headers = response.headers_mut();
        let fixed: [(HeaderName, &str); 5] = [
            (header::CACHE_CONTROL, "no-cache"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(header::ETAG, tag);
        }
        response
    }

    /// Differs by content and form; equal in every process of the same build.
    fn tag(&self, coding: AnswerCoding) -> String {
        let hash = foldhash::quality::FixedState::default().hash_one(self.content);
        let form = coding.name().map(|name| format!("-{name}")).unwrap_or_default();
        format!("\"{hash:016x}{form}\"")
    }
}

/// Whether `If-None-Match` contains the tag.
fn has(request: &HeaderMap, tag: &str) -> bool {
    let named = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    named
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|named| named == "*" || named.trim_start_matches("W/") == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: [&str; 5] =
        ["/", "/assets/app.css", "/assets/app.js", "/assets/chart.js", "/assets/licences.txt"];

    fn ask(path: &str, tags: Option<&str>) -> HttpResponse {
        let mut request = HeaderMap::new();
        if let Some(tags) = tags {
            request.insert(header::IF_NONE_MATCH, HeaderValue::from_str(tags).unwrap());
        }
        asset(path).unwrap().answer(&request, AnswerCoding::Identity)
    }

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        for path in PATHS {
            let first = ask(path, None);
            assert_eq!(first.status(), StatusCode::OK);
            let tag = first.headers()[header::ETAG].to_str().unwrap();
            for tags in [tag.to_owned(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
                let again = ask(path, Some(&tags));
                assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path} {tags}");
                assert_eq!(again.headers()[header::ETAG], tag);
            }
            assert_eq!(ask(path, Some("\"other\"")).status(), StatusCode::OK);
        }
        let tags: std::collections::HashSet<_> =
            PATHS.iter().map(|path| asset(path).unwrap().tag(AnswerCoding::Identity)).collect();
        assert_eq!(tags.len(), PATHS.len());
    }

    #[test]
    fn each_form_of_a_file_has_its_own_tag() {
        for (path, coding) in
            PATHS.iter().flat_map(|path| [(path, AnswerCoding::Gzip), (path, AnswerCoding::Zstd)])
        {
            let (asset, mut request) = (asset(path).unwrap(), HeaderMap::new());
            asset.compress(coding);
            let response = asset.answer(&request, coding);
            let headers = response.headers();
            assert_eq!(headers[header::CONTENT_ENCODING], coding.name().unwrap());
            assert_ne!(headers[header::ETAG], asset.tag(AnswerCoding::Identity));
            request.insert(header::IF_NONE_MATCH, headers[header::ETAG].clone());
            let again = asset.answer(&request, coding);
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
            assert!(!again.headers().contains_key(header::CONTENT_ENCODING));
            assert_eq!(asset.answer(&request, AnswerCoding::Identity).status(), StatusCode::OK);
        }
    }

    #[test]
    fn the_page_loads_nothing_but_these_files_and_has_nothing_inline() {
        let page = PAGE.content;
        assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains(" onclick"));
        assert_eq!(page.matches("<script").count(), page.matches("src=\"/assets/").count());
        for (_, reference) in ["src=\"", "href=\""].into_iter().flat_map(|name| {
            page.match_indices(name).map(move |(at, found)| (name, &page[at + found.len()..]))
        }) {
            let target = reference.split('"').next().unwrap();
            let is_link = target == "https://www.tradingview.com/";
            assert!(asset(target).is_some() || target.starts_with("data:") || is_link, "{target}");
        }
    }

    #[test]
    fn the_charts_library_is_credited_as_its_licence_asks() {
        assert!(PAGE.content.contains("TradingView Lightweight Charts"));
        assert!(
            LICENCES.content.contains("Apache License") && LICENCES.content.contains("TradingView, Inc.")
        );
        assert!(CHART.content.contains("TradingView Lightweight Charts"), "its own notice");
    }
}
