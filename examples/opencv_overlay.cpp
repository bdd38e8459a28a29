// Scoring what OpenCV holds: a cv::Mat is viewed, not copied, also where it is a region of a larger
// frame (its rows then lie further apart than they are long). Writes the frame with the heat map
// over the region.
//     opencv_overlay SCORER IMAGE OVERLAY [X Y WIDTH HEIGHT]
// SCORER has its weights embedded ('adfeat fit --embed').
#include <adfeat.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

namespace {

const char usage[] = "usage: opencv_overlay SCORER IMAGE OVERLAY [X Y WIDTH HEIGHT]\n";

// The library's objects clean up after themselves once they are in a unique_ptr.
struct destroy {
    void operator()(ad_context *context) const { ad_context_destroy(context); }
    void operator()(ad_scorer *scorer) const { ad_scorer_destroy(scorer); }
};
using context_ptr = std::unique_ptr<ad_context, destroy>;
using scorer_ptr = std::unique_ptr<ad_scorer, destroy>;

// cv::imread() gives BGR; a view of any other Mat needs its own ad_pixel_format.
ad_image view_of(const cv::Mat &bgr)
{
    ad_image view = AD_IMAGE_INIT(AD_PIXEL_BGR8, bgr.data, bgr.cols, bgr.rows, bgr.step);
    return view;
}

ad_map view_of_map(cv::Mat &heat)
{
    ad_map view = AD_MAP_INIT(heat.ptr<float>(), heat.cols, heat.rows, heat.step);
    return view;
}

// Blend the heat over the region in place: nothing where it is as good images are, red at three
// times that.
void overlay(cv::Mat region, const cv::Mat &heat, double normal)
{
    cv::Mat grey, colour;
    const double scale = normal > 0.0 ? 255.0 / (2.0 * normal) : 0.0;
    heat.convertTo(grey, CV_8U, scale, -scale * normal); // saturates at both ends
    cv::applyColorMap(grey, colour, cv::COLORMAP_JET);
    cv::Mat blended;
    cv::addWeighted(region, 0.5, colour, 0.5, 0.0, blended);
    blended.copyTo(region, grey > 0);
}

} // namespace

int main(int argc, char **argv)
{
    if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
        std::fputs(usage, stdout);
        return 0;
    }
    if (argc != 4 && argc != 8) {
        std::fputs(usage, stderr);
        return 2;
    }
    cv::Mat frame = cv::imread(argv[2], cv::IMREAD_COLOR);
    if (frame.empty()) {
        std::fprintf(stderr, "cannot read '%s'\n", argv[2]);
        return 1;
    }
    cv::Rect where(0, 0, frame.cols, frame.rows);
    if (argc == 8)
        where = cv::Rect(std::atoi(argv[4]), std::atoi(argv[5]), std::atoi(argv[6]),
                         std::atoi(argv[7]));
    if (where.empty() || (where & cv::Rect(0, 0, frame.cols, frame.rows)) != where) {
        std::fprintf(stderr, "the region is not inside the frame of %d x %d\n", frame.cols,
                     frame.rows);
        return 1;
    }
    cv::Mat region = frame(where); // shares the frame's pixels

    ad_context *context = nullptr;
    ad_scorer *scorer = nullptr;
    ad_status status = ad_context_create(nullptr, &context);
    const context_ptr context_owner(context);
    if (status == AD_OK)
        status = ad_scorer_load(context, argv[1], nullptr, &scorer);
    const scorer_ptr scorer_owner(scorer);

    ad_scorer_info info = {};
    info.struct_size = sizeof info;
    if (status == AD_OK)
        status = ad_scorer_get_info(scorer, &info);
    cv::Mat heat(region.size(), CV_32FC1);
    const ad_image image = view_of(region);
    const ad_map map = view_of_map(heat);
    float score = 0.0f;
    if (status == AD_OK)
        status = ad_anomaly_map(scorer, &image, &map, &score);
    if (status != AD_OK) {
        std::fprintf(stderr, "%s\n", ad_last_error_message());
        return 1;
    }
    overlay(region, heat, info.normal_map);
    if (!cv::imwrite(argv[3], frame)) {
        std::fprintf(stderr, "cannot write '%s'\n", argv[3]);
        return 1;
    }
    std::printf("%.7g\t%s\n", static_cast<double>(score), argv[2]);
    return 0;
}
