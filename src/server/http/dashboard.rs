//! The dashboard's files, as `web/build.sh` made them. They are part of the program, so nothing else is needed to show
//! it.
//!
//! A browser may keep them, but asks with its `ETag` each time. After an upgrade of the server it gets the new page at
//! the next request, and otherwise downloads nothing twice. Invariant: the policy lets the page load from and ask this
//! server alone, and allows no script or style but these files.

use std::hash::BuildHasher;

use bytes::Bytes;
use hyper::{
    HeaderMap, StatusCode,
    header::{self, HeaderName, HeaderValue},
};

use super::response::{self, HttpResponse};

/// A file of the dashboard.
pub struct Asset {
    kind: &'static str,
    content: &'static str,
}

/// Only served scripts and styles: nothing inline runs, whatever gets into the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'self'; require-trusted-types-for 'script'; \
    trusted-types 'none'";

const PAGE: Asset =
    Asset { kind: "text/html; charset=utf-8", content: include_str!("../../../web/dist/index.html") };
const SCRIPT: Asset =
    Asset { kind: "text/javascript; charset=utf-8", content: include_str!("../../../web/dist/app.js") };
const CHART: Asset =
    Asset { kind: "text/javascript; charset=utf-8", content: include_str!("../../../web/dist/chart.js") };
const STYLE: Asset =
    Asset { kind: "text/css; charset=utf-8", content: include_str!("../../../web/dist/app.css") };
const LICENCES: Asset =
    Asset { kind: "text/plain; charset=utf-8", content: include_str!("../../../web/dist/licences.txt") };

/// The file at a path.
pub fn asset(path: &str) -> Option<Asset> {
    Some(match path {
        "/" => PAGE,
        "/assets/app.css" => STYLE,
        "/assets/app.js" => SCRIPT,
        "/assets/chart.js" => CHART,
        "/assets/licences.txt" => LICENCES,
        _ => return None,
    })
}

// === impl Asset ===

impl Asset {
    /// The file, or the answer that the browser has it already.
    pub fn answer(&self, request: &HeaderMap) -> HttpResponse {
        let tag = self.tag();
        let mut response = if has(request, &tag) {
            let mut unchanged = response::whole(self.kind, Bytes::new());
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            unchanged
        } else {
            response::whole(self.kind, Bytes::from_static(self.content.as_bytes()))
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

    /// Differs for different content, and is the same in every process of one build.
    fn tag(&self) -> String {
        format!("\"{:016x}\"", foldhash::quality::FixedState::default().hash_one(self.content))
    }
}

/// Whether `If-None-Match` names the tag.
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
        asset(path).unwrap().answer(&request)
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
            PATHS.iter().map(|path| asset(path).unwrap().tag()).collect();
        assert_eq!(tags.len(), PATHS.len());
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
