"""Makes the folder media/: small pictures written, decoded and resized by Pillow.

  photo.png              a smooth picture with edges and noise, 45 x 37, RGB
  photo_HxW.png          photo.png resized to H rows and W columns by Image.BILINEAR
  grey.png, grey_HxW.png the same with one channel
  baseline.jpg, progressive.jpg, grey.jpg, and what Pillow decodes them to: *_jpg.png
  rotated.jpg            baseline.jpg with the EXIF orientation 6, which readers here ignore
  cmyk.jpg               four channels, to be refused
  *.tif                  photo.png or a ramp in the compressions that people meet

Usage: python make_media_golden.py [FOLDER]     (packages: requirements.txt)
"""

import pathlib
import sys

import numpy as np
from PIL import Image

SEED = 20250703
HEIGHT, WIDTH = 37, 45
SIZES = [(16, 16), (37, 20), (20, 45), (74, 91), (1, 1), (5, 120)]


def photo():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    disc = np.hypot(y - 15, x - 22) < 11
    channels = [4 * x + 2 * y, 255 * disc, 128 + 100 * np.sin(x / 3) * np.cos(y / 4)]
    noise = np.random.default_rng(SEED).integers(-12, 13, (HEIGHT, WIDTH, 3))
    return Image.fromarray(np.clip(np.stack(channels, -1) + noise, 0, 255).astype(np.uint8))


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "media")
    folder.mkdir(exist_ok=True)
    rgb = photo()
    for name, picture in (("photo", rgb), ("grey", rgb.convert("L"))):
        picture.save(folder / f"{name}.png", optimize=True)
        for height, width in SIZES:
            small = picture.resize((width, height), Image.BILINEAR)
            small.save(folder / f"{name}_{height}x{width}.png", optimize=True)

    rgb.save(folder / "baseline.jpg", quality=85)
    rgb.save(folder / "progressive.jpg", quality=85, progressive=True, subsampling=0)
    rgb.convert("L").save(folder / "grey.jpg", quality=85)
    for name in ("baseline", "progressive", "grey"):
        Image.open(folder / f"{name}.jpg").save(folder / f"{name}_jpg.png", optimize=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb.save(folder / "rotated.jpg", quality=85, exif=exif)
    rgb.convert("CMYK").save(folder / "cmyk.jpg")

    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd"):
        rgb.save(folder / f"{compression}.tif", compression=compression)
    rgb.save(folder / "jpeg.tif", compression="jpeg", quality=95)
    ramp = (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) * 39).astype(np.uint16)
    Image.fromarray(ramp).save(folder / "ramp16.tif", compression="tiff_lzw")
    Image.fromarray(ramp.astype(np.float32)).save(folder / "ramp_float.tif")
    rgb.quantize(16).save(folder / "palette.tif")
    rgb.convert("1").save(folder / "bilevel.tif", compression="group4")
    rgb.convert("1").save(folder / "bilevel.png")
    rgb.save(folder / "stack.tif", save_all=True, append_images=[rgb])


main()
