# tessera_module(<room> [DEPS <rooms>...] [LIBS <libraries>...])
#
# One static library per room: target tessera_<room>, alias tessera::<room>. Every *.cc below the
# room's folder belongs to it, except *_test.cc, which become the program <room>_tests, and the
# folders named in EXCLUDE. DEPS are other rooms, LIBS third-party targets.
function(tessera_module room)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} *.cc)
  foreach(folder ${ARG_EXCLUDE})
    list(FILTER sources EXCLUDE REGEX "^${folder}/")
  endforeach()
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")

  add_library(tessera_${room} STATIC ${sources})
  add_library(tessera::${room} ALIAS tessera_${room})
  # Installed targets name what their consumers need by themselves (tessera_install.cmake).
  target_include_directories(tessera_${room} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>)
  foreach(lib tessera_flags ${ARG_LIBS})
    target_link_libraries(tessera_${room} PUBLIC $<BUILD_INTERFACE:${lib}>)
  endforeach()
  foreach(dep ${ARG_DEPS})
    target_link_libraries(tessera_${room} PUBLIC tessera::${dep})
  endforeach()

  if(TESSERA_TESTS AND tests)
    set(serial)
    if(tessera_torch IN_LIST ARG_LIBS)
      set(serial SERIAL_OPENMP)
    endif()
    tessera_test(${room}_tests SOURCES ${tests} DEPS ${room} ${serial})
  endif()
endfunction()

# tessera_test(<program> SOURCES <files>... [DEPS <rooms>...] [LABELS <labels>...] [SERIAL_OPENMP])
#
# A GoogleTest program whose cases are known to CTest one by one. The label is `unit` unless said.
# SERIAL_OPENMP, for what links Torch: one OpenMP thread each unless a test asks for more with
# at::set_num_threads(). Waiting OpenMP threads spin, and two a test make tests that CTest runs side
# by side five times slower.
function(tessera_test program)
  cmake_parse_arguments(ARG "SERIAL_OPENMP" "" "SOURCES;DEPS;LABELS;LIBS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  add_executable(${program} ${ARG_SOURCES})
  target_link_libraries(${program} PRIVATE
    tessera::testing ${ARG_LIBS} GTest::gtest GTest::gtest_main)
  foreach(dep ${ARG_DEPS})
    target_link_libraries(${program} PRIVATE tessera::${dep})
  endforeach()
  target_compile_definitions(${program} PRIVATE TESSERA_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  set(environment)
  if(ARG_SERIAL_OPENMP)
    set(environment ENVIRONMENT OMP_NUM_THREADS=1)
  endif()
  include(GoogleTest)
  gtest_discover_tests(${program} DISCOVERY_TIMEOUT 120 DISCOVERY_MODE PRE_TEST
                       PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 600 ${environment})
endfunction()
