"""ccxt for Python, as Binance's: it asks for the symbols by REST, and then opens `/ws/0`, `/ws/1` and so on."""

import ccxt.pro
from ccxt_client import OPTIONS, Watcher
from market import Server, check, conflated_quotes, finish, same_trades

SYMBOLS = {"BTC/USDT": "BTCUSDT", "ETH/USDT": "ETHUSDT", "SOL/USDT": "SOLUSDT"}


def binance(server, **key):
    exchange = ccxt.pro.binance({"options": {**OPTIONS, "fetchMarkets": {"types": ["spot"]}}, **key})
    exchange.urls["api"]["ws"]["spot"] = f"{server.ws}/ws"
    exchange.urls["api"]["public"] = f"{server.http}/api/v3"
    # With a key it asks for coins and for what may be borrowed too.
    exchange.urls["api"]["sapi"] = f"{server.http}/sapi/v1"
    return Watcher(exchange)


@check("ccxt for Python as Binance's: symbols by REST, and every trade, exact, in order")
async def trades(recording):
    with Server() as server:
        # A replay that has not begun has no symbols yet.
        server.replay("step", n=200)
        watcher = binance(server)
        await watcher.exchange.load_markets()
        assert set(SYMBOLS) <= set(watcher.exchange.markets), list(watcher.exchange.markets)
        server.replay("restart")
        watcher.watch_trades(list(SYMBOLS))
        await server.play(len(SYMBOLS))
        for symbol, name in SYMBOLS.items():
            recorded = recording.trades[name]
            await watcher.have_trades(symbol, len(recorded))
            same_trades(symbol, watcher.trades(symbol), recorded, resolution_us=1000)
        await watcher.close()
        server.balances()


@check("ccxt for Python as Binance's: with a key: best bids and asks, exact, in order, the last one too")
async def quotes(recording):
    with Server(options="start=paused&speed=20") as server:
        server.replay("step", n=200)
        watcher = binance(server, apiKey="key", secret="secret")
        await watcher.exchange.load_markets()
        assert set(SYMBOLS) <= set(watcher.exchange.markets), list(watcher.exchange.markets)
        watcher.watch_bids_asks(list(SYMBOLS))
        await server.play(len(SYMBOLS))
        for symbol, name in SYMBOLS.items():
            await watcher.have_quote(symbol, recording.quotes[name][-1])
            conflated_quotes(symbol, watcher.quotes[symbol], recording.quotes[name])
        await watcher.close()


if __name__ == "__main__":
    finish()
