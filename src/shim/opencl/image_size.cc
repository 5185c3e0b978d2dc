// SPDX-License-Identifier: Apache-2.0
// The size of an image from its format and shape.

#include "shim/opencl/image_size.h"

namespace melon::shim {
namespace {

std::uint64_t times(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? ~std::uint64_t{0} : product;
}

std::uint64_t channels(cl_channel_order order) {
  switch (order) {
    case CL_R:
    case CL_A:
    case CL_Rx:
    case CL_INTENSITY:
    case CL_LUMINANCE:
    case CL_DEPTH:
      return 1;
    case CL_RG:
    case CL_RA:
    case CL_RGx:
      return 2;
    case CL_RGB:
    case CL_RGBx:
    case CL_sRGB:
      return 3;
    default:
      return 4;
  }
}

std::uint64_t at_least(std::uint64_t value, std::uint64_t least) {
  return value < least ? least : value;
}

// Rows, slices and layers, for what a kind of image has; 0 for kinds unknown here.
std::uint64_t slices_of(const cl_image_desc& shape) {
  switch (shape.image_type) {
    case CL_MEM_OBJECT_IMAGE1D:
    case CL_MEM_OBJECT_IMAGE2D:
      return 1;
    case CL_MEM_OBJECT_IMAGE1D_ARRAY:
    case CL_MEM_OBJECT_IMAGE2D_ARRAY:
      return at_least(shape.image_array_size, 1);
    case CL_MEM_OBJECT_IMAGE3D:
      return at_least(shape.image_depth, 1);
    default:
      return 0;
  }
}

bool has_rows(cl_mem_object_type type) {
  return type == CL_MEM_OBJECT_IMAGE2D || type == CL_MEM_OBJECT_IMAGE2D_ARRAY ||
         type == CL_MEM_OBJECT_IMAGE3D;
}

}  // namespace

std::uint64_t element_bytes(const cl_image_format& format) {
  const std::uint64_t count = channels(format.image_channel_order);
  switch (format.image_channel_data_type) {
    case CL_SNORM_INT8:
    case CL_UNORM_INT8:
    case CL_SIGNED_INT8:
    case CL_UNSIGNED_INT8:
      return count;
    case CL_SNORM_INT16:
    case CL_UNORM_INT16:
    case CL_SIGNED_INT16:
    case CL_UNSIGNED_INT16:
    case CL_HALF_FLOAT:
      return 2 * count;
    case CL_SIGNED_INT32:
    case CL_UNSIGNED_INT32:
    case CL_FLOAT:
      return 4 * count;
    case CL_UNORM_SHORT_565:
    case CL_UNORM_SHORT_555:
      return 2;
    case CL_UNORM_INT_101010:
    case CL_UNORM_INT24:
      return 4;
    default:
      return 16;
  }
}

std::uint64_t image_bytes(const cl_image_format* format, const cl_image_desc* shape) {
  if (format == nullptr || shape == nullptr || shape->mem_object != nullptr) return 0;
  const std::uint64_t element = element_bytes(*format);
  const std::uint64_t row = at_least(times(shape->image_width, element), shape->image_row_pitch);
  const std::uint64_t rows = has_rows(shape->image_type) ? at_least(shape->image_height, 1) : 1;
  const std::uint64_t slice = at_least(times(row, rows), shape->image_slice_pitch);
  const std::uint64_t base = times(slice, slices_of(*shape));
  // A chain of mip levels adds at most the base once more.
  return shape->num_mip_levels > 1 ? times(base, 2) : base;
}

}  // namespace melon::shim
