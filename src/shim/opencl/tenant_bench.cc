// SPDX-License-Identifier: Apache-2.0
// opencl_bench: what libmelon.so adds to OpenCL calls. Runs itself bare and with the library, in
// turns, against the simulated driver in constant time; prints medians of the differences.

#include <CL/cl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr int kRounds = 15;
constexpr const char* kNames[] = {"enqueue",
                                  "create+release, 0 live",
                                  "create+release, 10000 live",
                                  "clGetDeviceInfo(memory)",
                                  "start-up (us CPU)",
                                  "resident memory (KiB)"};
constexpr int kFigures = 6;

double cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// Of this process, shared pages too.
double resident_kib() {
  long pages = 0;
  FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%*d %ld", &pages) != 1) return 0;
  std::fclose(file);
  return static_cast<double>(pages * (sysconf(_SC_PAGESIZE) / 1024));
}

template <class Call>
double per_call(int count, Call call) {
  double best = 1e18;
  for (int repeat = 0; repeat < 7; ++repeat) {
    const double begin = cpu_ns();
    for (int i = 0; i < count; ++i) call();
    best = std::min(best, (cpu_ns() - begin) / count);
  }
  return best;
}

// The measured program: prints its figures.
int measure() {
  cl_platform_id platform = nullptr;
  cl_device_id device = nullptr;
  if (clGetPlatformIDs(1, &platform, nullptr) != CL_SUCCESS) return 1;
  if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, nullptr) != CL_SUCCESS) return 1;
  cl_context context = clCreateContext(nullptr, 1, &device, nullptr, nullptr, nullptr);
  cl_command_queue queue = clCreateCommandQueueWithProperties(context, device, nullptr, nullptr);
  const double start_up = cpu_ns() / 1000;  // all that this process has used
  cl_program program = clCreateProgramWithSource(context, 0, nullptr, nullptr, nullptr);
  cl_kernel kernel = clCreateKernel(program, "tiny", nullptr);
  const size_t size = 256;
  const auto enqueue = [&] {
    clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &size, nullptr, 0, nullptr, nullptr);
  };
  const auto pair = [&] {
    clReleaseMemObject(clCreateBuffer(context, CL_MEM_READ_WRITE, 4096, nullptr, nullptr));
  };
  const auto query = [&] {
    cl_ulong bytes = 0;
    clGetDeviceInfo(device, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof bytes, &bytes, nullptr);
  };
  const double launch = per_call(100'000, enqueue);
  const double pair_empty = per_call(100'000, pair);
  const double resident = resident_kib();  // after all kinds of calls, with nothing live
  std::vector<cl_mem> live(10'000);
  for (cl_mem& mem : live) mem = clCreateBuffer(context, CL_MEM_READ_WRITE, 4096, nullptr, nullptr);
  const double pair_full = per_call(100'000, pair);
  for (cl_mem mem : live) clReleaseMemObject(mem);
  std::printf("%f %f %f %f %f %f\n", launch, pair_empty, pair_full, per_call(100'000, query),
              start_up, resident);
  return 0;
}

std::vector<double> run(const char* self, const char* preload, const char* layer) {
  std::string command = "MELON_SIM_OPENCL=constant=1 ";
  if (*preload != 0) command += std::string("LD_PRELOAD=") + preload + " ";
  if (*layer != 0) command += std::string("OPENCL_LAYERS=") + layer + " ";
  command += std::string(self) + " --measure";
  std::vector<double> figures(kFigures);
  FILE* const out = popen(command.c_str(), "r");
  if (out == nullptr) return {};
  for (double& figure : figures)
    if (std::fscanf(out, "%lf", &figure) != 1) figures.clear();
  return pclose(out) == 0 ? figures : std::vector<double>{};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int compare(const char* self, const char* title, const char* preload, const char* layer) {
  std::vector<double> bare[kFigures];
  std::vector<double> added[kFigures];
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<double> without = run(self, "", "");
    const std::vector<double> with = run(self, preload, layer);
    if (without.empty() || with.empty()) {
      std::fprintf(stderr,
                   "opencl_bench: a measured run failed; is MELON_GRANT a grant's folder?\n");
      return 1;
    }
    for (int i = 0; i < kFigures; ++i) {
      bare[i].push_back(without[static_cast<size_t>(i)]);
      added[i].push_back(with[static_cast<size_t>(i)] - without[static_cast<size_t>(i)]);
    }
  }
  std::printf("%s\n", title);
  for (int i = 0; i < kFigures; ++i)
    std::printf("  %-28s bare %8.1f  added %8.1f\n", kNames[i], median(bare[i]), median(added[i]));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--measure") == 0) return measure();
  if (argc != 2) {
    std::fprintf(stderr,
                 "usage: MELON_GRANT=FOLDER OCL_ICD_VENDORS=libmelon-sim-opencl.so "
                 "opencl_bench libmelon.so\n");
    return 2;
  }
  const int preload = compare(argv[0], "preload (ns CPU per call)", argv[1], "");
  return preload | compare(argv[0], "preload and layer", argv[1], argv[1]);
}
