"""Alert rules: ``evenkeel.rules.yml``; ``python -m monitoring.rules`` writes them for Prometheus's operator."""
