// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "shim/opencl/driver.h"

namespace melon::shim {

/// Bytes of one element of an image; 16 (the largest) for formats unknown here.
std::uint64_t element_bytes(const cl_image_format& format);

/// What an image will take, before the driver has made it. 0: nothing of its own, because it is a
/// view of another object (a buffer or an image), or the arguments are the driver's to refuse.
/// Saturates instead of overflowing.
std::uint64_t image_bytes(const cl_image_format* format, const cl_image_desc* shape);

}  // namespace melon::shim
