/* What there is to choose from. Times and sizes are those of the README's table of methods: ResNet-18, the 320 good screws of
 * MVTec AD, two cores. */
#include "fit_list.h"

#include <stdio.h>

#include "cli.h"

static const struct {
    const char *method, *source, *needs, *cost;
} methods[] = {
    {"gaussian", "Rippel et al. 2020, arXiv:2005.14140; Wang, Xu, Chen 2022",
     "any network, good images from about 10 on; parts may lie anywhere",
     "one pass, 4 s, 70 MB; an image 7 ms"},
    {"padim", "Defard et al. 2020, arXiv:2011.08785", "any network; parts that always lie alike",
     "one pass, 5 s, 0.3 GB, which grows with positions times dimensions squared; an image 11 ms"},
    {"stfpm", "Wang et al. 2021, arXiv:2103.04257", "a ResNet, good images from about 50 on",
     "100 epochs of 13 s, 1.4 GB; an image 18 ms"},
    {"stfpm_unet", "a project without a paper, on STFPM", "the same", "50 and 100 epochs, the latter of 18 s, 2.0 GB; an image 25 ms"},
    {"ast", "Rudolph et al. 2023, arXiv:2210.07829", "any network; with mode=depth or combi images with depth",
     "as published hours; with small networks at 192 pixels 24 epochs of 6 s, 0.3 GB; an image 12 ms"},
    {"masked_rd", "Deng and Li 2022, arXiv:2201.10703; masks: Yang et al. 2022, arXiv:2205.01529",
     "a ResNet, sizes that are multiples of 32; good images from about 50 on",
     "up to 200 epochs of 21 s, 1.4 GB; an image 27 ms"},
};

int fit_list_print(void)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        printf("%s%s\n  source  %s\n  needs   %s\n  cost    %s\n", i ? "\n" : "", methods[i].method, methods[i].source,
               methods[i].needs, methods[i].cost);
    return cli_finish_output();
}
