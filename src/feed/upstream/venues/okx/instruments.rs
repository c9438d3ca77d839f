//! The instruments of OKX: their list over HTTP, their types, their states.

use std::borrow::Cow;

use serde::Deserialize;

use crate::feed::upstream::venue::ListedPage;

#[derive(Deserialize)]
struct OkxInstruments<'a> {
    #[serde(borrow)]
    data: Vec<OkxInstrument<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OkxInstrument<'a> {
    #[serde(borrow)]
    pub(super) inst_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) state: Cow<'a, str>,
}

/// A page of the list.
///
/// # Errors
/// Why it is none.
pub(super) fn read_list(page: &[u8]) -> Result<ListedPage, String> {
    let page: OkxInstruments<'_> = serde_json::from_slice(page).map_err(|error| error.to_string())?;
    let mut listed = ListedPage::default();
    for one in page.data {
        listed.push(&one.inst_id, &one.state, "live");
    }
    Ok(listed)
}

/// The type of an instrument, by its spelling: `BTC-USDT`, `BTC-USDT-SWAP`, `BTC-USD-261225`, `BTC-USD-261225-50000-C`.
pub(super) fn type_of(symbol: &str) -> &'static str {
    match symbol.split('-').collect::<Vec<_>>()[..] {
        [_, _, "SWAP"] => "SWAP",
        [_, _, _] => "FUTURES",
        [_, _, _, _, _] => "OPTION",
        _ => "SPOT",
    }
}
