"""How marketplaces are spoken to: Taobao's open platform, pushes of an ERP, exported files."""
