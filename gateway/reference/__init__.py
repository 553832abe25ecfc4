"""The page /docs: the OpenAPI document as Swagger UI shows it, whose files are in the package."""
