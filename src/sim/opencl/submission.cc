// SPDX-License-Identifier: Apache-2.0
// Turns a call of the program into a command of the engine.

#include "sim/opencl/submission.h"

#include "sim/opencl/engine.h"
#include "sim/opencl/script.h"

namespace melon::sim {
namespace {

cl_int complete_at_once(cl_command_queue queue, const Command& command, const Order& order) {
  if (command.work) command.work();
  if (order.out == nullptr) return CL_SUCCESS;
  auto* const event = new _cl_event;
  event->queue = queue;
  event->type = command.type;
  event->status = CL_COMPLETE;
  *order.out = event;
  return CL_SUCCESS;
}

}  // namespace

cl_int enqueue(cl_command_queue queue, Command command, const Order& order) {
  if (script().constant) return complete_at_once(queue, command, order);
  auto* const event = new _cl_event;
  event->context = queue->context;
  event->queue = queue;
  event->type = command.type;
  event->duration_ns = command.duration_ns;
  event->work = std::move(command.work);
  event->uses = std::move(command.uses);
  for (cl_mem mem : event->uses) retain(mem);
  for (cl_uint i = 0; i < order.count; ++i) {
    retain(order.waits[i]);
    event->waits.push_back(order.waits[i]);
  }
  const bool barrier = command.type == CL_COMMAND_BARRIER;
  const bool after_all = (barrier || command.type == CL_COMMAND_MARKER) && order.count == 0;
  submit(event, barrier, after_all);
  cl_int status = CL_SUCCESS;
  if (command.blocking && wait_for(event) < 0)
    status = CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
  if (order.out != nullptr)
    *order.out = event;
  else
    release(event);
  return status;
}

}  // namespace melon::sim
