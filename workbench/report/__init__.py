"""From stored runs to results.parquet, summary.json and report.html."""
