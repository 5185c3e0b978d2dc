// SPDX-License-Identifier: Apache-2.0
// Makes grants with melon-shim-fixture and opens the simulated device.

#include "scene.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace melon::test {
namespace {

sim::Counters* map_counters(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  EXPECT_EQ(ftruncate(fd, sizeof(sim::Counters)), 0);
  void* const memory =
      mmap(nullptr, sizeof(sim::Counters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  EXPECT_NE(memory, MAP_FAILED);
  return static_cast<sim::Counters*>(memory);
}

}  // namespace

Scene::Scene(const std::string& limits, const std::string& script) {
  std::string name = (std::filesystem::temp_directory_path() / "melon-scene-XXXXXX").string();
  root_ = mkdtemp(name.data());
  fixture("create", limits);
  counters_ = map_counters(root_ / "counters");
  setenv("MELON_GRANT", grant().c_str(), 1);
  setenv("MELON_SIM_OPENCL", script.c_str(), 1);
  setenv("MELON_SIM_OPENCL_COUNTERS", (root_ / "counters").c_str(), 1);
}

Scene::~Scene() {
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

std::string Scene::fixture(const std::string& verb, const std::string& options,
                           const std::string& grant) const {
  const char* const copied = std::getenv("MELON_TEST_FIXTURE");  // relaunch_main.cc
  const std::string command = std::string(copied != nullptr ? copied : MELON_FIXTURE) + " " + verb +
                              " --root " + root_.string() + " --grant " + grant + " " + options;
  std::string printed;
  FILE* const out = popen(command.c_str(), "r");
  for (int c; out != nullptr && (c = std::fgetc(out)) != EOF;) printed += static_cast<char>(c);
  EXPECT_EQ(pclose(out), 0) << command;
  return printed;
}

void Scene::set(const std::string& limits) const { fixture("set", limits); }

std::filesystem::path Scene::add_rival(const std::string& limits) const {
  fixture("create", limits, "rival");
  return root_ / "grants" / "rival";
}

GrantReport Scene::report() const {
  unsigned long used = 0, refusals = 0, launches = 0, consumed = 0, flags = 0;
  const std::string line = fixture("report", "");
  EXPECT_EQ(std::sscanf(line.c_str(), "%lu %lu %lu %lu %lu", &used, &refusals, &launches, &consumed,
                        &flags),
            5);
  return {used, refusals, launches, consumed, flags};
}

cl_platform_id Scene::platform() {
  if (platform_ != nullptr) return platform_;
  EXPECT_EQ(clGetPlatformIDs(1, &platform_, nullptr), CL_SUCCESS);
  return platform_;
}

cl_device_id Scene::device() {
  if (device_ != nullptr) return device_;
  EXPECT_EQ(clGetDeviceIDs(platform(), CL_DEVICE_TYPE_ALL, 1, &device_, nullptr), CL_SUCCESS);
  return device_;
}

cl_context Scene::context() {
  if (context_ != nullptr) return context_;
  const cl_device_id one = device();
  context_ = clCreateContext(nullptr, 1, &one, nullptr, nullptr, nullptr);
  EXPECT_NE(context_, nullptr);
  return context_;
}

cl_command_queue Scene::queue(cl_command_queue_properties flags) {
  const cl_queue_properties list[] = {CL_QUEUE_PROPERTIES, flags, 0};
  cl_command_queue const made =
      clCreateCommandQueueWithProperties(context(), device(), flags != 0 ? list : nullptr, nullptr);
  EXPECT_NE(made, nullptr);
  return made;
}

cl_program Scene::program() {
  if (program_ != nullptr) return program_;
  const char* text = "";
  program_ = clCreateProgramWithSource(context(), 1, &text, nullptr, nullptr);
  EXPECT_EQ(clBuildProgram(program_, 0, nullptr, "", nullptr, nullptr), CL_SUCCESS);
  return program_;
}

cl_kernel Scene::kernel(const char* name) { return clCreateKernel(program(), name, nullptr); }

cl_mem Scene::buffer(std::uint64_t bytes, cl_int* status) {
  return clCreateBuffer(context(), CL_MEM_READ_WRITE, bytes, nullptr, status);
}

cl_ulong Scene::device_number(cl_device_info what) {
  cl_ulong value = 0;
  EXPECT_EQ(clGetDeviceInfo(device(), what, sizeof value, &value, nullptr), CL_SUCCESS);
  return value;
}

int in_child(const std::function<int()>& body) {
  const int pid = fork();
  if (pid == 0) _exit(body());
  return pid;
}

int outcome_of(int pid) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace melon::test
