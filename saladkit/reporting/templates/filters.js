// The filters of the table of questions that are lost as speech: model, subject, voice, words.
for (const section of document.querySelectorAll("[data-filters]")) {
  const form = section.querySelector("form"), rows = [...section.querySelectorAll("tbody tr")];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const show = () => {
    const wanted = Object.fromEntries(new FormData(form)), words = (wanted.words ?? "").trim().toLowerCase();
    let shown = 0;
    rows.forEach((row, place) => {
      const fits = row.dataset.model.split(" ").includes(wanted.model)
        && ["domain", "speaker"].every((column) => !wanted[column] || row.dataset[column] === wanted[column])
        && texts[place].includes(words);
      row.hidden = !fits;
      shown += fits;
      for (const answer of row.querySelectorAll("[data-of]")) answer.classList.toggle("chosen", answer.dataset.of === wanted.model);
    });
    form.querySelector("output").textContent = shown === 1 ? "1 question" : `${shown} questions`;
  };
  form.hidden = false;
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  show();
}
