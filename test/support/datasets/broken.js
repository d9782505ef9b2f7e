export default () => {
  throw new Error("the folder is not there");
};
