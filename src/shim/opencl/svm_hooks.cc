// SPDX-License-Identifier: Apache-2.0
// Shared virtual memory and unified shared memory: freed by address, so addresses are remembered.

#include "shim/opencl/charges.h"
#include "shim/opencl/driver.h"
#include "shim/opencl/launch.h"

namespace melon::shim {
namespace {

struct Block {
  std::uint32_t index;
  std::atomic<std::uint32_t> next;  // of the slab
  void* address;
  Charge* charge;
  Block* chain;
};

constexpr unsigned kBits = 10;
Slab<Block> g_blocks;
Block* g_buckets[1U << kBits];  // guarded by Session::svm

Block*& bucket_of(const void* address) {
  const std::uint64_t value = reinterpret_cast<std::uintptr_t>(address) >> 6;
  return g_buckets[(value * 0x9e3779b97f4a7c15ULL) >> (64 - kBits)];
}

void put(Block* block) {
  const Guard guard(session()->svm);
  Block*& bucket = bucket_of(block->address);
  block->chain = bucket;
  bucket = block;
}

// Removes and returns the block at an address; null when it is not ours.
Block* take(const void* address) {
  const Guard guard(session()->svm);
  for (Block** link = &bucket_of(address); *link != nullptr; link = &(*link)->chain) {
    if ((*link)->address != address) continue;
    Block* const found = *link;
    *link = found->chain;
    found->chain = nullptr;
    return found;
  }
  return nullptr;
}

void free_blocks(Block* block) {
  while (block != nullptr) {
    Block* const rest = block->chain;
    release(block->charge);
    g_blocks.give(block);
    block = rest;
  }
}

void put_back(Block* block) {
  while (block != nullptr) {
    Block* const rest = block->chain;
    put(block);
    block = rest;
  }
}

template <class Allocate>
void* allocate_charged(const Driver& next, cl_context context, size_t size, cl_int too_large,
                       cl_int* status, Allocate allocate) {
  const Tenant* const mine = tenant();
  const ContextRecord* const known = mine != nullptr ? context_record(next, context) : nullptr;
  if (known == nullptr || size == 0) return allocate();
  Block* const block = g_blocks.take();
  Charge* const charge = block != nullptr ? reserve(*known, size) : nullptr;
  if (charge == nullptr) {
    if (block != nullptr) g_blocks.give(block);
    set_status(status, size > shown_max_alloc(*mine, *known) ? too_large : CL_OUT_OF_RESOURCES);
    return nullptr;
  }
  cl_int refused = CL_OUT_OF_RESOURCES;  // what a null address means
  void* const address = create_reserved(*charge, refused, [&](cl_int*) { return allocate(); });
  if (address == nullptr) {
    release(charge);
    g_blocks.give(block);
    return nullptr;
  }
  block->address = address;
  block->charge = charge;
  put(block);
  return address;
}

void CL_CALLBACK on_freed(cl_event event, cl_int, void* blocks) {
  free_blocks(static_cast<Block*>(blocks));
  any_driver().clReleaseEvent(event);
}

// Gives back what an enqueued free will have freed once `event` completes.
void free_at(const Driver& next, cl_event event, bool own_event, Block* blocks) {
  if (!own_event) next.clRetainEvent(event);
  if (next.clSetEventCallback(event, CL_COMPLETE, on_freed, blocks) == CL_SUCCESS) return;
  // Rather too much than too little is counted.
  put_back(blocks);
  next.clReleaseEvent(event);
}

}  // namespace

namespace hook {

void* clSVMAlloc(const Driver& next, cl_context context, cl_svm_mem_flags flags, size_t size,
                 cl_uint alignment) {
  return allocate_charged(next, context, size, CL_OUT_OF_RESOURCES, nullptr,
                          [&] { return next.clSVMAlloc(context, flags, size, alignment); });
}

void clSVMFree(const Driver& next, cl_context context, void* svm_pointer) {
  Block* const block = tenant() != nullptr ? take(svm_pointer) : nullptr;
  next.clSVMFree(context, svm_pointer);
  free_blocks(block);
}

cl_int clEnqueueSVMFree(const Driver& next, cl_command_queue command_queue,
                        cl_uint num_svm_pointers, void* svm_pointers[],
                        void(CL_CALLBACK* pfn_free_func)(cl_command_queue queue,
                                                         cl_uint num_svm_pointers,
                                                         void* svm_pointers[], void* user_data),
                        void* user_data, cl_uint num_events_in_wait_list,
                        const cl_event* event_wait_list, cl_event* event) {
  const auto enqueue = [&](cl_event* out) {
    return next.clEnqueueSVMFree(command_queue, num_svm_pointers, svm_pointers, pfn_free_func,
                                 user_data, num_events_in_wait_list, event_wait_list, out);
  };
  const Waits waits{num_events_in_wait_list, event_wait_list, event};
  // With a function of its own the program frees by clSVMFree in there.
  if (tenant() == nullptr || pfn_free_func != nullptr || svm_pointers == nullptr)
    return submit(next, command_queue, kNoCost, waits, enqueue);
  Block* blocks = nullptr;
  for (cl_uint i = 0; i < num_svm_pointers; ++i) {
    Block* const block = take(svm_pointers[i]);
    if (block == nullptr) continue;
    block->chain = blocks;
    blocks = block;
  }
  cl_event own = nullptr;
  cl_event* const out = event != nullptr ? event : &own;
  const cl_int status = submit(next, command_queue, kNoCost,
                               {num_events_in_wait_list, event_wait_list, out}, enqueue);
  if (status != CL_SUCCESS)
    put_back(blocks);
  else if (blocks != nullptr)
    free_at(next, *out, event == nullptr, blocks);
  else if (event == nullptr)
    next.clReleaseEvent(own);
  return status;
}

void* clHostMemAllocINTEL(const Driver& next, clHostMemAllocINTEL_fn real, cl_context context,
                          const cl_mem_properties_intel* properties, size_t size, cl_uint alignment,
                          cl_int* errcode_ret) {
  return allocate_charged(next, context, size, CL_INVALID_BUFFER_SIZE, errcode_ret,
                          [&] { return real(context, properties, size, alignment, errcode_ret); });
}

void* clDeviceMemAllocINTEL(const Driver& next, clDeviceMemAllocINTEL_fn real, cl_context context,
                            cl_device_id device, const cl_mem_properties_intel* properties,
                            size_t size, cl_uint alignment, cl_int* errcode_ret) {
  return allocate_charged(next, context, size, CL_INVALID_BUFFER_SIZE, errcode_ret, [&] {
    return real(context, device, properties, size, alignment, errcode_ret);
  });
}

void* clSharedMemAllocINTEL(const Driver& next, clSharedMemAllocINTEL_fn real, cl_context context,
                            cl_device_id device, const cl_mem_properties_intel* properties,
                            size_t size, cl_uint alignment, cl_int* errcode_ret) {
  return allocate_charged(next, context, size, CL_INVALID_BUFFER_SIZE, errcode_ret, [&] {
    return real(context, device, properties, size, alignment, errcode_ret);
  });
}

cl_int clMemFreeINTEL(const Driver&, clMemFreeINTEL_fn real, cl_context context, void* ptr) {
  Block* const block = tenant() != nullptr ? take(ptr) : nullptr;
  const cl_int status = real(context, ptr);
  if (status == CL_SUCCESS)
    free_blocks(block);
  else
    put_back(block);
  return status;
}

cl_int clMemBlockingFreeINTEL(const Driver&, clMemBlockingFreeINTEL_fn real, cl_context context,
                              void* ptr) {
  Block* const block = tenant() != nullptr ? take(ptr) : nullptr;
  const cl_int status = real(context, ptr);
  if (status == CL_SUCCESS)
    free_blocks(block);
  else
    put_back(block);
  return status;
}

}  // namespace hook
}  // namespace melon::shim
