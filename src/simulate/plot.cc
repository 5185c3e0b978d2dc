// SPDX-License-Identifier: Apache-2.0
// Draws curves as SVG.
#include "simulate/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace melon::simulate {
namespace {

constexpr double kWidth = 360;
constexpr double kHeight = 260;
constexpr double kMargin = 50;
constexpr int kMostPercent = 130;

// Told apart by people who see fewer colours as well (Okabe and Ito).
constexpr std::array<std::string_view, 8> kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                      "#e69f00", "#56b4e9", "#000000", "#f0e442"};

struct Panel {
  std::string_view title;
  double Level::*value;
};
constexpr std::array<Panel, 3> kPanels = {
    Panel{"allocated, % of the cluster", &Level::allocated},
    Panel{"fragmented, % of what is idle", &Level::fragmented_idle},
    Panel{"fragmented, % of the cluster", &Level::fragmented_cluster}};

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '<') {
      result += "&lt;";
    } else if (c == '&') {
      result += "&amp;";
    } else {
      result += c;
    }
  }
  return result;
}

double x_of(double percent) { return kMargin + percent / kMostPercent * kWidth; }
double y_of(double value, double top) { return kMargin + kHeight - value / top * kHeight; }

/// The end of a panel's axis: the largest value, rounded up to tens.
double top_of(const std::vector<NamedCurve>& curves, const Panel& panel) {
  double most = 10;
  for (const NamedCurve& named : curves)
    for (const auto& [percent, level] : named.curve.levels)
      most = std::max(most, level.*panel.value);
  return 10.0 * static_cast<double>(static_cast<int>((most + 9.999) / 10.0));
}

std::string axes(const Panel& panel, double top) {
  std::string svg = fmt::format("<text x=\"{}\" y=\"30\">{}</text>\n", kMargin, panel.title);
  for (int i = 0; i <= 5; ++i) {
    const double y = y_of(top * i / 5, top);
    svg += fmt::format(
        "<path d=\"M{:.1f} {:.1f}h{:.1f}\" stroke=\"#ddd\"/><text x=\"{:.1f}\" y=\"{:.1f}\" "
        "text-anchor=\"end\">{:g}</text>\n",
        kMargin, y, kWidth, kMargin - 6, y + 4, top * i / 5);
  }
  for (int percent = 0; percent <= kMostPercent; percent += 26)
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
                       x_of(percent), kMargin + kHeight + 18, percent);
  return svg +
         fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">arrived, %</text>\n",
                     kMargin + kWidth / 2, kMargin + kHeight + 36);
}

std::string line(const Curve& curve, const Panel& panel, double top, std::string_view colour) {
  std::string path;
  for (const auto& [percent, level] : curve.levels)
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L",
                        x_of(std::min(percent, kMostPercent)), y_of(level.*panel.value, top));
  return fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"/>\n", path,
                     colour);
}

std::string_view colour_of(std::size_t curve) { return kColours[curve % kColours.size()]; }

}  // namespace

std::string to_svg(const std::vector<NamedCurve>& curves) {
  const double step = kWidth + 2 * kMargin;
  const double all = step * kPanels.size();
  const double bottom = kHeight + 2 * kMargin;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:g}\" height=\"{1:g}\" "
      "viewBox=\"0 0 {0:g} {1:g}\" font-family=\"sans-serif\" font-size=\"12\">\n"
      "<title>simulated cluster</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
      all, bottom + 30 + 18 * static_cast<double>(curves.size()));
  for (std::size_t i = 0; i < kPanels.size(); ++i) {
    const double top = top_of(curves, kPanels.at(i));
    svg += fmt::format("<g transform=\"translate({:g} 0)\">\n", step * static_cast<double>(i)) +
           axes(kPanels.at(i), top);
    for (std::size_t at = 0; at < curves.size(); ++at)
      svg += line(curves[at].curve, kPanels.at(i), top, colour_of(at));
    svg += "</g>\n";
  }
  for (std::size_t at = 0; at < curves.size(); ++at)
    svg += fmt::format("<text x=\"{:g}\" y=\"{:g}\" fill=\"{}\">{}</text>\n", kMargin,
                       bottom + 20 + 18 * static_cast<double>(at), colour_of(at),
                       escaped(curves[at].name));
  return svg + "</svg>\n";
}

std::string to_html(const std::vector<NamedCurve>& curves) {
  return "<!doctype html>\n<meta charset=\"utf-8\">\n<title>simulated cluster</title>\n" +
         to_svg(curves);
}

}  // namespace melon::simulate
