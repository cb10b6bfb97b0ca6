(() => {
  // smokepop's own address: public_url in its configuration.
  const smokepop = 'https://pop.firm.example';

  for (const link of document.querySelectorAll('.smokepop-open')) link.href = smokepop;
  for (const name of document.querySelectorAll('.smokepop-parent')) name.textContent = location.origin;
})();
