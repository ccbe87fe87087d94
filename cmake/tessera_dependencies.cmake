# Everything that comes from outside, in one place.
find_package(Threads REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(HWY REQUIRED IMPORTED_TARGET libhwy)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
if(NOT TESSERA_PYTHON_PACKAGE)  # that needs no images, films or command line
  pkg_check_modules(PNG REQUIRED IMPORTED_TARGET libpng)
  pkg_check_modules(JPEG REQUIRED IMPORTED_TARGET libjpeg)
  pkg_check_modules(TIFF REQUIRED IMPORTED_TARGET libtiff-4>=4.5)  # error handlers of each file's own
  pkg_check_modules(FFMPEG IMPORTED_TARGET libavformat libavcodec libavutil)  # the module only
  find_package(CLI11 REQUIRED)
  find_path(TOMLPLUSPLUS_INCLUDE toml++/toml.h REQUIRED)  # headers alone
endif()
if(TESSERA_TESTS)
  find_package(GTest REQUIRED)
endif()

# Flags every target of ours shares.
add_library(tessera_flags INTERFACE)
target_compile_options(tessera_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wno-sign-compare;-Wno-unused-parameter>)
if(TESSERA_WERROR)
  target_compile_options(tessera_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
endif()
if(TESSERA_ASSERTIONS)
  target_compile_definitions(tessera_flags INTERFACE TESSERA_ASSERTIONS=1)
endif()
if(TESSERA_SANITIZE)
  target_compile_options(tessera_flags INTERFACE
    -fsanitize=${TESSERA_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(tessera_flags INTERFACE -fsanitize=${TESSERA_SANITIZE})
endif()
if(TESSERA_FUZZ)
  set(fuzz_flags -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
  target_compile_options(tessera_flags INTERFACE ${fuzz_flags})
  target_link_options(tessera_flags INTERFACE ${fuzz_flags})
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CCACHE})
endif()

# LibTorch. find_package(Torch) insists on a CUDA toolkit, so the build has a target of its own:
# tessera links torch_cpu and c10 alone, and the CUDA module adds torch_cuda by itself.
if(TESSERA_TORCH)
  if(TESSERA_PYTHON_PACKAGE AND NOT TESSERA_TORCH_DIR)
    # The torch of the Python that builds the package; asking for its place does not import it.
    find_package(Python3 COMPONENTS Interpreter REQUIRED)
    execute_process(
      COMMAND ${Python3_EXECUTABLE} -c
              "import importlib.util; print(importlib.util.find_spec('torch').submodule_search_locations[0])"
      OUTPUT_VARIABLE TESSERA_TORCH_DIR OUTPUT_STRIP_TRAILING_WHITESPACE)
  endif()
  set(TESSERA_TORCH_DIR "${CMAKE_SOURCE_DIR}/.deps/torch-2.11.0/torch" CACHE PATH
      "The folder `torch` of an installed PyPI torch wheel")
  if(NOT EXISTS ${TESSERA_TORCH_DIR}/lib/libtorch_cpu.so)
    message(FATAL_ERROR "No LibTorch in ${TESSERA_TORCH_DIR}. Run `make setup`, or set "
                        "TESSERA_TORCH_DIR to the folder `torch` of a torch 2.11.0 wheel.")
  endif()
  file(READ ${TESSERA_TORCH_DIR}/version.py torch_version)
  if(NOT torch_version MATCHES "'2\\.11\\.0")
    message(FATAL_ERROR "tessera is built and tested with torch 2.11.0; ${TESSERA_TORCH_DIR} is "
                        "another version")
  endif()
  add_library(tessera_torch INTERFACE)
  target_include_directories(tessera_torch SYSTEM INTERFACE
    ${TESSERA_TORCH_DIR}/include ${TESSERA_TORCH_DIR}/include/torch/csrc/api/include)
  target_link_directories(tessera_torch INTERFACE ${TESSERA_TORCH_DIR}/lib)
  target_link_libraries(tessera_torch INTERFACE torch_cpu c10)
endif()
if(TESSERA_TORCH AND NOT TESSERA_PYTHON_PACKAGE)
  get_filename_component(torch_site ${TESSERA_TORCH_DIR} DIRECTORY)
  # The wheel's libraries find the CUDA runtime's by a relative path of their own; ours need only
  # know the wheel's folder. --disable-new-dtags: the path must hold for indirect libraries too.
  target_link_options(tessera_torch INTERFACE
    -Wl,-rpath,${TESSERA_TORCH_DIR}/lib -Wl,-rpath,${torch_site}/nvidia/cu13/lib
    -Wl,-rpath-link,${torch_site}/nvidia/cu13/lib -Wl,--disable-new-dtags)
endif()

# The CUDA module: AUTO builds it where nvcc is.
set(TESSERA_CUDA_MODULE OFF)
if(TESSERA_TORCH AND NOT TESSERA_CUDA STREQUAL "OFF")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    find_package(CUDAToolkit REQUIRED)
    set(TESSERA_CUDA_MODULE ON)
  elseif(NOT TESSERA_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR "TESSERA_CUDA=${TESSERA_CUDA} needs nvcc, and none was found")
  endif()
  message(STATUS "CUDA module: ${TESSERA_CUDA_MODULE}")
endif()
