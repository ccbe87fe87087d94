"""Makes the files of torch_checkpoint/: what torch.save writes for the tests of the reader of .pth
files, and the same tensors as safetensors.

Usage: python make_torch_checkpoint_golden.py [FOLDER]     (packages: requirements.txt)
"""

import collections
import io
import json
import os
import pathlib
import pickle
import sys
import zipfile

import torch
from safetensors.torch import save_file

SEED = 20251125


def state_dict():
    """Every dtype that weights come in, a view with strides and offset, two names of one tensor."""
    base = torch.randn(4, 6)
    weights = collections.OrderedDict()
    weights["layer.weight"] = base
    weights["layer.transposed"] = base.t()
    weights["layer.corner"] = base[1:3, 2:5]
    weights["layer.again"] = base
    weights["double"] = torch.randn(3, dtype=torch.float64)
    weights["half"] = torch.randn(5).half()
    weights["bfloat16"] = torch.randn(2, 2).bfloat16()
    weights["long"] = torch.tensor([-1, 2**40])
    weights["int"] = torch.arange(3, dtype=torch.int32)
    weights["short"] = torch.arange(3, dtype=torch.int16)
    weights["char"] = torch.arange(-2, 1, dtype=torch.int8)
    weights["byte"] = torch.arange(250, 255, dtype=torch.uint8)
    weights["bool"] = torch.tensor([True, False, True])
    weights["scalar"] = torch.tensor(2.5)
    weights["empty"] = torch.zeros(0)
    return weights


class Call:
    """Pickles as a call of anything."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def rewrite(source, target, change, compression=zipfile.ZIP_STORED):
    """Copies an archive, `change(name, data)` giving the data."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w", compression) as out:
        for item in archive.infolist():
            out.writestr(zipfile.ZipInfo(item.filename), change(item.filename, archive.read(item)),
                         compression)


def with_pickle(data):
    return lambda name, old: data if name.endswith("/data.pkl") else old


def main(folder):
    torch.manual_seed(SEED)
    weights = state_dict()
    torch.save(weights, folder / "state_dict.pth")
    torch.save(dict(weights), folder / "protocol4.pth", pickle_protocol=4)
    torch.save({k: torch.nn.Parameter(v) for k, v in weights.items() if v.is_floating_point()},
               folder / "parameters.pth")
    torch.save(weights, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save({"model": weights, "epoch": 3}, folder / "nested.pth")
    torch.save(collections.OrderedDict(layer=torch.tensor([1.0, float("nan")])),
               folder / "not_finite.pth")
    small = folder / "small.pth"
    torch.save(collections.OrderedDict(a=torch.ones(2)), small)
    stored = io.BytesIO(pickle.dumps({"a": Call(os.system, "echo gone")}, protocol=2)).getvalue()
    rewrite(small, folder / "system_call.pth", with_pickle(stored))
    called = pickle.dumps({"a": Call(collections.OrderedDict, [("x", 1)])}, protocol=2)
    rewrite(small, folder / "other_call.pth", with_pickle(called))
    rewrite(small, folder / "compressed.pth", lambda _, data: data, zipfile.ZIP_DEFLATED)
    rewrite(small, folder / "big_endian.pth",
            lambda name, data: b"big" if name.endswith("byteorder") else data)
    small.unlink()
    provenance = {"made_by": "tests/golden/make_torch_checkpoint_golden.py", "seed": SEED,
                  "torch": torch.__version__}
    save_file({name: value.contiguous().clone() for name, value in weights.items()},
              folder / "state_dict.safetensors", {"provenance": json.dumps(provenance)})
    for path in sorted(folder.iterdir()):
        print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    here = pathlib.Path(__file__).parent
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "torch_checkpoint")
