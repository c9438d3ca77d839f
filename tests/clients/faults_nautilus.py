"""nautilus_trader on a market that fails as venues do, in all the ready scenarios: a whole trading node with its own adapter
for Binance spot, as its users have it. Addresses are set by its configuration; an actor is given the trades.
"""

import asyncio
from collections import defaultdict

from fault_rows import ROWS
from faults import SYMBOLS, Given, Market, Seen, agree, expect
from market import check, finish, until
from nautilus_trader.adapters.binance.common.enums import BinanceAccountType
from nautilus_trader.adapters.binance.config import BinanceDataClientConfig
from nautilus_trader.adapters.binance.factories import BinanceLiveDataClientFactory
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import InstrumentProviderConfig, LoggingConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.identifiers import InstrumentId, TraderId


class Keeper(Actor):
    """Asks for the trades of each symbol, for quotes too when it is to ask much, and keeps the trades."""

    def __init__(self, quotes):
        super().__init__()
        self.quotes, self.given = quotes, defaultdict(list)

    def on_start(self):
        instruments = [InstrumentId.from_str(f"{symbol}.BINANCE") for symbol in SYMBOLS]
        for instrument in instruments:
            self.subscribe_trade_ticks(instrument)
        for instrument in instruments if self.quotes else []:
            self.subscribe_quote_ticks(instrument)

    def on_stop(self):
        """There is nothing to give back."""

    def on_trade_tick(self, tick):
        side = {"BUYER": "buy", "SELLER": "sell"}[tick.aggressor_side.name]
        price, size = tick.price.as_decimal(), tick.size.as_decimal()
        # Its nanoseconds are made of a double, and are some that many too few or too many.
        trade = Given(tick.trade_id.value, price, size, side, round(tick.ts_event / 1_000_000))
        self.given[tick.instrument_id.symbol.value].append(trade)


def node_of(market, keeper):
    venue = BinanceDataClientConfig(
        api_key="key",
        api_secret="secret",
        account_type=BinanceAccountType.SPOT,
        base_url_http=market.http,
        base_url_ws=market.ws,
        # Without it fees are asked for, of an account.
        testnet=True,
        instrument_provider=InstrumentProviderConfig(load_all=True),
    )
    config = TradingNodeConfig(
        trader_id=TraderId("TESTER-001"),
        logging=LoggingConfig(log_level="OFF"),
        data_clients={"BINANCE": venue},
        timeout_disconnection=1.0,
        timeout_post_stop=0.0,
    )
    node = TradingNode(config, loop=asyncio.get_running_loop())
    node.trader.add_actor(keeper)
    node.add_data_client_factory("BINANCE", BinanceLiveDataClientFactory)
    node.build()
    return node


async def run(market, keeper):
    node = node_of(market, keeper)
    running = asyncio.create_task(node.run_async())
    try:
        await market.play(2 * len(SYMBOLS) if keeper.quotes else len(SYMBOLS))
        await until("its queue to be empty", lambda: node.kernel.data_engine.data_qsize() == 0)
    finally:
        market.relay.open()
        await node.stop_async()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def register(scenario):
    @check(f"nautilus_trader's adapter for Binance, {scenario}")
    async def given(recording):
        # It asks for each stream by itself, at its start; when it comes back, for all of them at once.
        asks_much = scenario == "rate-limit"
        keeper = Keeper(asks_much)
        with Market(scenario, recording, stops=() if asks_much else None) as market:
            await run(market, keeper)
            seen = Seen(market, keeper.given)
            agree(seen, market)
            refused = market.done()[0]["refuse"]
        closed = "is refused a request; " if refused else ""
        closed += "connects anew by itself" if refused or market.stops else ""
        expect("nautilus", scenario, seen.words(closed))


for scenario in ROWS:
    register(scenario)

if __name__ == "__main__":
    finish()
