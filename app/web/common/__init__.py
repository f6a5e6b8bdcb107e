"""The ground of all pages: templates, assets, headers, forms, error pages, navigation."""
