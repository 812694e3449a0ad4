"""The figures: pure functions from what was gathered to options of Apache ECharts."""
