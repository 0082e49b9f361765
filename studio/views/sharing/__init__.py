"""Pages of sharing: links for their owner, what guests see behind them, what guests wrote."""
