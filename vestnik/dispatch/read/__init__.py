"""Reading the pipeline's tables: what reports, pages and the API ask of them."""
