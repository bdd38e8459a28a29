/* A tiny ResNet of four stages, which is what reverse distillation needs as a teacher. */
#ifndef ADFEAT_TESTS_RD_NETWORK_H
#define ADFEAT_TESTS_RD_NETWORK_H

#define RD_BLOCK(LAYER, FROM, OUT, STRIDE)                                                                         \
    "conv2d " LAYER ".0.conv1 <- " FROM " : out=" OUT " kernel=3 stride=" STRIDE " pad=1\n"                        \
    "batchnorm " LAYER ".0.bn1 <- " LAYER ".0.conv1\n"                                                             \
    "relu " LAYER ".0.relu1 <- " LAYER ".0.bn1\n"                                                                  \
    "conv2d " LAYER ".0.conv2 <- " LAYER ".0.relu1 : out=" OUT " kernel=3 pad=1\n"                                 \
    "batchnorm " LAYER ".0.bn2 <- " LAYER ".0.conv2\n"                                                             \
    "relu " LAYER ".0.out <- " LAYER ".0.bn2\n"                                                                    \
    "tap " LAYER " <- " LAYER ".0.out\n"
#define RD_HEAD                                                                                                    \
    "network residual\ninput_size 64\nmean 0.485 0.456 0.406\nstd 0.229 0.224 0.225\ninput image : channels=3\n"   \
    "conv2d conv1 <- image : out=4 kernel=5 stride=4 pad=2\nbatchnorm bn1 <- conv1\nrelu relu1 <- bn1\n"
/* Sides of 16, 8 and 4 for an input of 64, of 4, 6 and 8 channels. */
static const char rd_resnet[] =
    RD_HEAD RD_BLOCK("layer1", "relu1", "4", "1") RD_BLOCK("layer2", "layer1.0.out", "6", "2")
    RD_BLOCK("layer3", "layer2.0.out", "8", "2") RD_BLOCK("layer4", "layer3.0.out", "10", "2");

#endif
