// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "vendors/descriptor.h"

namespace melon::config {

/// The reference page of vendors, in Markdown: what each offers, in which units, and who keeps its
/// limits here.
std::string vendor_page(std::span<const vendors::Descriptor> descriptors);

}  // namespace melon::config
