// In every model that Inductor writes in C++ around rung's kernels (cpp_wrapper.py puts it there): how it finds the runtime
// (rung/runtime/src/alone.h) and launches.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>

namespace {
namespace rung {

constexpr int error_bytes = 1536;

// The library of the runtime, which stays loaded: its threads may be at work.
class Runtime {
 public:
  void* (*open)(const char* image, char* error);
  int (*launch)(void* kernel, const int64_t* slots, char* error);
  void (*close)(void* kernel);

  // name: of the file, in `directory`, beside this library, or where the model was compiled.
  static const Runtime& of(const char* name, const std::optional<std::string>& directory) {
    static const Runtime runtime(find(name, directory));
    return runtime;
  }

 private:
  explicit Runtime(const std::string& path) {
    library_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library_) throw std::runtime_error(std::string("rung's runtime is not there: ") + dlerror());
    take(open, "rung_open_kernel");
    take(launch, "rung_launch_kernel");
    take(close, "rung_close_kernel");
  }

  template <class Function>
  void take(Function& function, const char* name) {
    function = reinterpret_cast<Function>(dlsym(library_, name));
    if (!function) throw std::runtime_error(std::string("rung's runtime has no ") + name);
  }

  static std::string find(const std::string& name, const std::optional<std::string>& directory) {
    const std::string base = name.substr(name.rfind('/') + 1);
    if (directory) return *directory + "/" + base;
    Dl_info info{};
    if (dladdr(reinterpret_cast<void*>(&find), &info) && info.dli_fname) {
      const std::string here = info.dli_fname, beside = here.substr(0, here.rfind('/') + 1) + base;
      if (access(beside.c_str(), R_OK) == 0) return beside;
    }
    return name;
  }

  void* library_;
};

class Kernel {
 public:
  Kernel(const char* name, const char* image, const Runtime& runtime) : name_(name), runtime_(runtime) {
    char error[error_bytes] = "";
    kernel_ = runtime.open(image, error);
    if (!kernel_) fail(error);
  }
  ~Kernel() { runtime_.close(kernel_); }
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  void launch(const int64_t* slots) const {
    char error[error_bytes] = "";
    if (runtime_.launch(kernel_, slots, error)) fail(error);
  }

 private:
  [[noreturn]] void fail(const char* error) const { throw std::runtime_error(std::string("rung, ") + name_ + ": " + error); }

  const char* name_;
  const Runtime& runtime_;
  void* kernel_;
};

template <class Tensor>
int64_t pointer(const Tensor& tensor) {
  return static_cast<int64_t>(reinterpret_cast<intptr_t>(tensor.data_ptr()));
}

// The kernel reads the lowest bits: a number that does not fit them would be another one there.
template <class Type>
int64_t integer(int64_t value) {
  if (value < static_cast<int64_t>(std::numeric_limits<Type>::min()) || value > static_cast<int64_t>(std::numeric_limits<Type>::max()))
    throw std::runtime_error("rung: a number that a kernel is given, " + std::to_string(value) + ", does not fit " +
                             std::to_string(8 * sizeof(Type)) + " bits; a size is larger than the model was compiled for");
  return value;
}

template <class Type>
int64_t real(double value) {
  const Type typed = static_cast<Type>(value);
  int64_t slot = 0;
  std::memcpy(&slot, &typed, sizeof typed);
  return slot;
}

}  // namespace rung
}  // namespace
