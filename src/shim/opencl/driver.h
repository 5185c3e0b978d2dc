// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a hook calls and how hooks are declared. A hook is written once and reached by two ways:
//   preload   the program's call binds to libmelon.so's own symbol; `next` is the ICD loader
//   layer     the ICD loader calls libmelon.so as a layer (OPENCL_LAYERS); `next` is what it loaded
// With both, the preload entry comes first and the layer lets its call pass: counted once.

#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_0_APIS
#define CL_USE_DEPRECATED_OPENCL_1_1_APIS
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#define CL_USE_DEPRECATED_OPENCL_2_0_APIS
#define CL_USE_DEPRECATED_OPENCL_2_1_APIS
#define CL_USE_DEPRECATED_OPENCL_2_2_APIS
#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <CL/cl_icd.h>

#define MELON_UNPACK(...) __VA_ARGS__
#define MELON_EXPORT extern "C" __attribute__((visibility("default")))

namespace melon::shim {

/// The functions that a hook goes on to. Members that the driver lacks are null; those named in
/// opencl.def that a program can reach are not.
using Driver = cl_icd_dispatch;

/// How many of our preload entries are on this thread's stack.
extern __thread unsigned entry_depth __attribute__((tls_model("initial-exec")));

/// The loader's own functions, looked up on first use; null members where it has none.
const Driver& loader();
/// True when libmelon.so was loaded as a layer; then layer_target() is what it passes calls to.
bool is_layer();
const Driver& layer_target();

namespace hook {
#define HOOK(ret, name, params, ...) ret name(const Driver& next, MELON_UNPACK params);
#define EXTENSION(ret, name, params, ...) \
  ret name(const Driver& next, name##_fn real, MELON_UNPACK params);
#define CALLED(name)
#include "shim/opencl/opencl.def"
#undef HOOK
#undef EXTENSION
#undef CALLED
}  // namespace hook

/// Sets a status that the program may not have asked for.
inline void set_status(cl_int* out, cl_int status) {
  if (out != nullptr) *out = status;
}

/// Answers a query as OpenCL's clGet*Info do: size and value, each if asked for.
cl_int answer(const void* value, size_t bytes, size_t room, void* out, size_t* out_bytes);

}  // namespace melon::shim
