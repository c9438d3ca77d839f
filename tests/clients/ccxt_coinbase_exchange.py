"""ccxt for Python, as Coinbase Exchange's."""

import ccxt.pro
from ccxt_client import OPTIONS, Watcher, spot
from market import Server, check, conflated_quotes, finish, same_trades

SYMBOLS = {"BTC/USDT": "BTCUSDT", "ETH/USDT": "ETHUSDT", "SOL/USDT": "SOLUSDT"}


def coinbase_exchange(server):
    exchange = ccxt.pro.coinbaseexchange({"options": OPTIONS})
    exchange.urls["api"]["ws"] = f"{server.ws}/coinbase"
    exchange.set_markets([spot(symbol.replace("/", "-"), symbol) for symbol in SYMBOLS])
    return Watcher(exchange)


@check("ccxt for Python as Coinbase Exchange's: every match, exact, in order")
async def trades(recording):
    with Server() as server:
        watcher = coinbase_exchange(server)
        # One call a symbol: for several at once it waits under names that its own messages never have.
        for symbol in SYMBOLS:
            watcher.watch_trades_of(symbol)
        await server.play(len(SYMBOLS))
        for symbol, name in SYMBOLS.items():
            await watcher.have_trades(symbol, len(recording.trades[name]))
            same_trades(symbol, watcher.trades(symbol), recording.trades[name], resolution_us=1000)
        await watcher.close()
        server.balances()


@check("ccxt for Python as Coinbase Exchange's: a ticker has a quote of the recording")
async def quotes(recording):
    with Server(options="start=clients:1&speed=20") as server:
        watcher = coinbase_exchange(server)
        for symbol in SYMBOLS:
            watcher.watch_ticker(symbol)
        for symbol, name in SYMBOLS.items():
            await watcher.until(
                f"tickers of {symbol}",
                lambda symbol=symbol: len(watcher.quotes.get(symbol, [])) > 100,
                lambda symbol=symbol: f"there are {len(watcher.quotes.get(symbol, []))}",
            )
            # A ticker comes with a match, so the last of the quotes need not be in one.
            seen = watcher.quotes[symbol]
            conflated_quotes(symbol, seen, recording.quotes[name][: recording.quotes[name].index(seen[-1]) + 1])
        await watcher.close()


if __name__ == "__main__":
    finish()
