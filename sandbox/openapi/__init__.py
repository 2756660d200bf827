"""The API as OpenAPI describes it: made from the routes, the models and the table of codes."""
