"""What can be ordered: products, prices and VAT rates with validity. Calls only `core`."""
