/** Does what a call asks for; a failure comes back as its message. */
export async function answer(tasks, { task, args }) {
  try {
    return { value: await tasks[task](...args) };
  } catch (error) {
    return { error: `${task}: ${error?.stack ?? error}` };
  }
}
