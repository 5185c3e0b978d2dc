// SPDX-License-Identifier: Apache-2.0
// Events: user events open gates, and callbacks are known for what they are.

#include "shim/opencl/launch.h"

namespace melon::shim {
namespace {

using Notify = void(CL_CALLBACK*)(cl_event, cl_int, void*);

/// The program's callback, wrapped so that launches made inside it are recognised.
struct Callback {
  std::uint32_t index;
  std::atomic<std::uint32_t> next;  // of the slab
  Notify notify;
  void* user_data;
};

Slab<Callback> g_callbacks;

void CL_CALLBACK run_callback(cl_event event, cl_int status, void* data) {
  auto* const callback = static_cast<Callback*>(data);
  const Callback* const kept = callback;
  const Notify notify = kept->notify;
  void* const user_data = kept->user_data;
  g_callbacks.give(callback);
  ++callback_depth;
  notify(event, status, user_data);
  --callback_depth;
}

}  // namespace

namespace hook {

cl_int clSetEventCallback(const Driver& next, cl_event event, cl_int command_exec_callback_type,
                          void(CL_CALLBACK* pfn_notify)(cl_event event, cl_int event_command_status,
                                                        void* user_data),
                          void* user_data) {
  Callback* const callback =
      tenant() != nullptr && pfn_notify != nullptr ? g_callbacks.take() : nullptr;
  if (callback == nullptr)
    return next.clSetEventCallback(event, command_exec_callback_type, pfn_notify, user_data);
  callback->notify = pfn_notify;
  callback->user_data = user_data;
  const cl_int status =
      next.clSetEventCallback(event, command_exec_callback_type, run_callback, callback);
  if (status != CL_SUCCESS) g_callbacks.give(callback);
  return status;
}

cl_event clCreateUserEvent(const Driver& next, cl_context context, cl_int* errcode_ret) {
  const cl_event event = next.clCreateUserEvent(context, errcode_ret);
  if (event != nullptr && tenant() != nullptr) Gates::add_user_event(event);
  return event;
}

cl_int clSetUserEventStatus(const Driver& next, cl_event event, cl_int execution_status) {
  // Opened before the driver knows: a command must not finish before its gate is open.
  if (tenant() != nullptr && execution_status <= CL_COMPLETE) Gates::open_user_event(next, event);
  return next.clSetUserEventStatus(event, execution_status);
}

cl_int clRetainEvent(const Driver& next, cl_event event) {
  const cl_int status = next.clRetainEvent(event);
  if (status == CL_SUCCESS && Gates::any()) Gates::retain_user_event(event);
  return status;
}

cl_int clReleaseEvent(const Driver& next, cl_event event) {
  // Before the driver: afterwards another event may have this address.
  if (Gates::any()) Gates::release_user_event(event);
  return next.clReleaseEvent(event);
}

}  // namespace hook
}  // namespace melon::shim
