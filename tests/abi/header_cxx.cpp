// The public header compiles alone as C++11.
#include "adfeat.h"

#include <cstdio>

int main()
{
    ad_context *context = nullptr;
    if (ad_context_create(nullptr, &context) != AD_OK) {
        std::puts(ad_last_error_message());
        return 1;
    }
    ad_context_destroy(context);
    return 0;
}
