// A module that cannot make its model.
export default () => {
  throw new Error("no weights here");
};
