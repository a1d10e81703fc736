"""What the tests share: the programs, scenes with known pixels, the truth by rasterio, and ways to open a cube."""
