"""What a Python user's first program may do: say the version, read an image, list the networks."""
import os
import sys

import adfeat

height, width = adfeat.read_image(sys.argv[1]).shape[:2]
names = adfeat.architectures()
print("adfeat %s: %d x %d pixels, %d architectures, the first is %s"
      % (adfeat.__version__, width, height, len(names), names[0]))
if not os.path.realpath(adfeat.library_path()).startswith(os.path.realpath(sys.argv[2]) + os.sep):
    sys.exit("the library is %s, not that of %s" % (adfeat.library_path(), sys.argv[2]))
