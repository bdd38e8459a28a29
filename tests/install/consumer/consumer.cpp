// The same as consumer.c, from C++11.
#include <adfeat.h>

#include <iostream>
#include <memory>
#include <string>

int main(int argc, char **argv)
{
    const std::string version = std::to_string(AD_VERSION_MAJOR) + "." + std::to_string(AD_VERSION_MINOR)
                                + "." + std::to_string(AD_VERSION_PATCH);
    if (version != ad_version_string()) {
        std::cerr << "header " << version << ", library " << ad_version_string() << "\n";
        return 1;
    }
    ad_context *made = nullptr;
    ad_image image = {};
    if (argc != 2 || ad_context_create(nullptr, &made) != AD_OK) {
        std::cerr << ad_last_error_message() << "\n";
        return 1;
    }
    const std::unique_ptr<ad_context, void (*)(ad_context *)> context(made, ad_context_destroy);
    if (ad_image_read(context.get(), argv[1], nullptr, &image) != AD_OK) {
        std::cerr << ad_last_error_message() << "\n";
        return 1;
    }
    std::cout << "adfeat " << version << ": " << image.width << " x " << image.height << " pixels, "
              << ad_architecture_count() << " architectures, the first is " << ad_architecture_name(0)
              << "\n";
    ad_image_release(&image);
    return 0;
}
