"""nautilus_trader's TardisMachineClient, which replays the recording for itself: trades, and quotes as snapshots of depth 1."""

import asyncio
import json

from market import Quote, Server, Trade, check, finish, same_trades
from nautilus_trader.core.nautilus_pyo3 import (
    InstrumentId,
    ReplayNormalizedRequestOptions,
    TardisInstrumentMiniInfo,
    TardisMachineClient,
)
from nautilus_trader.model.data import QuoteTick, TradeTick, capsule_to_data

# Symbol: the digits of its prices and sizes in the recording.
SYMBOLS = {"BTCUSDT": (2, 5), "ETHUSDT": (2, 4), "SOLUSDT": (2, 3)}


def options(symbols, data_types):
    asked = [
        {
            "exchange": "binance",
            "symbols": [symbol.lower() for symbol in symbols],
            "from": "2025-03-25",
            "to": "2025-03-26",
            "data_types": data_types,
        }
    ]
    return ReplayNormalizedRequestOptions.from_json_array(json.dumps(asked).encode())


def instruments(symbols):
    return [
        TardisInstrumentMiniInfo(InstrumentId.from_str(f"{symbol}.BINANCE"), symbol, "binance", *SYMBOLS[symbol])
        for symbol in symbols
    ]


async def replay(server, symbols, data_types):
    """What one client is given, by symbol: trades, quotes, and the times of receipt of everything."""
    client = TardisMachineClient(base_url=server.ws, normalize_symbols=False)
    trades, quotes, received = ({symbol: [] for symbol in symbols} for _ in range(3))

    def take(capsule):
        tick = capsule_to_data(capsule)
        symbol = tick.instrument_id.symbol.value
        received[symbol].append(tick.ts_init)
        if isinstance(tick, TradeTick):
            side = {"BUYER": "buy", "SELLER": "sell"}[tick.aggressor_side.name]
            price, size = tick.price.as_decimal(), tick.size.as_decimal()
            trades[symbol].append(Trade(price, size, side, tick.ts_event // 1000))
        elif isinstance(tick, QuoteTick):
            values = (tick.bid_price, tick.bid_size, tick.ask_price, tick.ask_size)
            quotes[symbol].append(Quote(*(value.as_decimal() for value in values)))

    # It ends when the service closes with 1000.
    await client.replay(instruments(symbols), options(symbols, data_types), take)
    return trades, quotes, received


def changes(quotes):
    """A snapshot follows a change alone."""
    kept = []
    for quote in quotes:
        if kept[-1:] != [quote]:
            kept.append(quote)
    return kept


def compare(recording, symbols, seen):
    trades, quotes, received = seen
    for symbol in symbols:
        same_trades(symbol, trades[symbol], recording.trades[symbol])
        wanted = changes(recording.quotes[symbol])
        assert quotes[symbol] == wanted, f"{symbol}: {len(quotes[symbol])} quotes, {len(wanted)} changes were recorded"
        assert received[symbol] == sorted(received[symbol]), f"{symbol}: not in the order of receipt"


@check("nautilus_trader's TardisMachineClient: every trade and every change of the quote, exact, in the order of receipt")
async def alone(recording):
    with Server() as server:
        compare(recording, SYMBOLS, await replay(server, list(SYMBOLS), ["trade", "quote"]))
        samples = server.metrics()
        assert samples["tickcast_replays_ended_total"] == 1 and samples["tickcast_replays"] == 0


@check("nautilus_trader's TardisMachineClient: four at once are given what one alone is given")
async def several(recording):
    with Server() as server:
        asked = [*SYMBOLS, "BTCUSDT"]
        every = await asyncio.gather(*(replay(server, [symbol], ["trade", "quote"]) for symbol in asked))
        for symbol, seen in zip(asked, every):
            compare(recording, [symbol], seen)


if __name__ == "__main__":
    finish()
