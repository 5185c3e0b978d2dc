// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulate/curve.h"

namespace melon::simulate {

struct NamedCurve {
  std::string name = {};
  Curve curve = {};
};

/// The curves as a drawing (SVG 1.1): allocated, fragmented of what is idle and fragmented of the
/// cluster, each over what arrived, in percent, and a legend.
std::string to_svg(const std::vector<NamedCurve>& curves);

/// The same as a page of its own.
std::string to_html(const std::vector<NamedCurve>& curves);

}  // namespace melon::simulate
