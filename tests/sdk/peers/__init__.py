"""Each broker's official client behind the same three calls; these modules run in `.sdks`, apart from ours."""
