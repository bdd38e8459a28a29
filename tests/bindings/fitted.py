"""A fitted scorer and the images that it was fitted on, for the tests that need more than arrays."""
import pathlib

import helper

import adfeat

OPTIONS = {"layers": ["layer1", "layer2"], "size": 64}


class Data(helper.Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(helper.scratch())
        helper.make_data(str(cls.folder))
        cls.weights = cls.folder / "w.safetensors"
        cls.set = cls.folder / "set"
        cls.net = adfeat.Backbone(cls.weights)
        cls.good = sorted((cls.set / "train" / "good").iterdir())
        cls.arrays = [adfeat.read_image(path) for path in cls.good]
        cls.scorer = adfeat.fit(cls.net, cls.set, **OPTIONS)
        cls.spot = cls.set / "test" / "spot" / "000.png"

    def path(self, name):
        return self.folder / name
